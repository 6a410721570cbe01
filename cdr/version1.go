package cdr

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// An entry of version 1 is a JSON object. Only reading it is left, so that no
// record is lost with the change to a program that writes version 2.
type entry1 struct {
	Mark   string  `json:"mark"`
	At     int64   `json:"at"`
	CallID string  `json:"call_id"`
	Run    string  `json:"run"`
	Record *Record `json:"record"`
}

func isVersion1(payload []byte) bool { return bytes.HasPrefix(payload, []byte(`{"mark":"`)) }

func hasEnded1(payload []byte) bool { return bytes.HasPrefix(payload, []byte(`{"mark":"ended"`)) }

// entryHead1 decodes an entry without its record, which stands last.
func entryHead1(payload []byte) (entry, error) {
	if i := bytes.Index(payload, []byte(`,"record":`)); i > 0 {
		payload = append(bytes.Clone(payload[:i]), '}')
	}
	var e entry1
	if err := json.Unmarshal(payload, &e); err != nil {
		return entry{}, err
	}
	for mark := Started; mark <= markHeartbeat; mark++ {
		if mark.String() == e.Mark {
			return entry{Mark: mark, At: e.At, Run: e.Run, CallID: e.CallID}, nil
		}
	}
	return entry{}, fmt.Errorf("cdr: journal entry: unknown mark %.20q", e.Mark)
}

func decodeRecord1(payload []byte) (*Record, error) {
	var e entry1
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, fmt.Errorf("cdr: journal entry: %w", err)
	}
	if e.Record == nil {
		return nil, errors.New("cdr: journal entry without record")
	}
	return e.Record, nil
}
