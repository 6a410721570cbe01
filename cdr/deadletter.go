package cdr

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// A deadRecord is one line of the dead-letter file, dead-letter.jsonl in the
// journal's directory: a call that no store will take, for a person to mend.
// After a crash a record may be in it twice.
type deadRecord struct {
	At     time.Time       `json:"at"`
	Error  string          `json:"error"`
	Record json.RawMessage `json:"record,omitempty"`
	Raw    []byte          `json:"raw,omitempty"` // base64, when it is not even JSON
}

// deadLetter puts a record away and returns when it is on disk.
func (j *Journal) deadLetter(body []byte, cause error) error {
	line := deadRecord{At: j.cfg.Now().UTC(), Error: cause.Error()}
	if json.Valid(body) {
		line.Record = body
	} else {
		line.Raw = body
	}
	b, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("cdr: dead letter: %w", err)
	}
	f, err := j.cfg.disk.extend(filepath.Join(j.cfg.Dir, "dead-letter.jsonl"))
	if err != nil {
		return fmt.Errorf("cdr: dead letter: %w", err)
	}
	_, err = f.Write(append(b, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("cdr: dead letter: %w", err)
	}
	j.cfg.Metrics.dead.Inc()
	return nil
}
