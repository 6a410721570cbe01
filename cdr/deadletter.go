package cdr

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"time"
)

// A deadRecord is one line of the dead-letter file, dead-letter.jsonl in the
// journal's directory: a call that no store will take, for a person to mend.
// After a crash a record may be in it twice.
type deadRecord struct {
	At     time.Time       `json:"at"`
	Error  string          `json:"error"`
	Record json.RawMessage `json:"record,omitempty"`
	Raw    []byte          `json:"raw,omitempty"` // base64, when it is no record
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

// marshalRecord is json.Marshal, except that a figure JSON cannot carry (NaN,
// ±Inf) becomes 0: no statistic is worth a lost record.
func marshalRecord(r *Record) ([]byte, error) {
	body, err := json.Marshal(r)
	if _, bad := errors.AsType[*json.UnsupportedValueError](err); !bad {
		return body, err
	}
	return json.Marshal(finite(r))
}

// finite returns r, or a copy in which a figure that is none is 0.
func finite(r *Record) *Record {
	bad := func(f float64) bool { return math.IsNaN(f) || math.IsInf(f, 0) }
	if r.Media == nil || !slices.ContainsFunc(r.Media.Streams, func(s Stream) bool { return bad(s.JitterMS) }) {
		return r
	}
	r = r.Clone()
	for i := range r.Media.Streams {
		if s := &r.Media.Streams[i]; bad(s.JitterMS) {
			s.JitterMS = 0
		}
	}
	return r
}
