package cdr

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

func (j *Journal) checkpointPath() string { return filepath.Join(j.cfg.Dir, "checkpoint.json") }

// loadCheckpoint sets where the flusher goes on. An unreadable checkpoint only
// costs time: the sink ignores what it has.
func (j *Journal) loadCheckpoint() error {
	b, err := os.ReadFile(j.checkpointPath())
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("cdr: journal: %w", err)
	}
	var c cursor
	if err := json.Unmarshal(b, &c); err != nil || c.Offset < 0 {
		j.cfg.Logger.Warn("journal: checkpoint cannot be read; everything is offered to the store again", "err", err)
		return nil
	}
	j.flushed = c
	return nil
}

// commit remembers that everything before c is saved; onDisk also writes the
// checkpoint. The flusher calls it.
func (j *Journal) commit(c cursor, onDisk bool) error {
	if onDisk {
		b, err := json.Marshal(c)
		if err == nil {
			err = replaceFile(j.cfg.disk, j.checkpointPath(), b)
		}
		if err != nil {
			j.cfg.Metrics.diskErrors.WithLabelValues("checkpoint").Inc()
			return fmt.Errorf("cdr: checkpoint: %w", err)
		}
	}
	j.mu.Lock()
	j.flushed = c
	j.mu.Unlock()
	notify(j.wake)
	return nil
}

// position returns where the flusher stands.
func (j *Journal) position() cursor {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.flushed
}
