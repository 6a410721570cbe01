package api

import (
	"encoding/base64"
	"strings"
	"time"
)

// page is how every list is answered.
type page[T any] struct {
	Items      []T     `json:"items" nullable:"false"`
	NextCursor *string `json:"next_cursor" doc:"Pass it as cursor to get the next page; null on the last one"`
}

func newPage[T any](items []T, next string) page[T] {
	p := page[T]{Items: items}
	if p.Items == nil {
		p.Items = []T{}
	}
	if next != "" {
		p.NextCursor = &next
	}
	return p
}

// position is where a page of live calls ends: newest first, by start and id.
type position struct {
	startedAt time.Time
	callID    string
}

func (p position) cursor() string {
	return base64.RawURLEncoding.EncodeToString([]byte(p.startedAt.UTC().Format(time.RFC3339Nano) + " " + p.callID))
}

func parsePosition(cursor string) (position, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return position{}, false
	}
	at, id, ok := strings.Cut(string(raw), " ")
	startedAt, err := time.Parse(time.RFC3339Nano, at)
	if !ok || err != nil {
		return position{}, false
	}
	return position{startedAt, id}, true
}

// after reports whether a call at q comes after p in the list.
func (p position) after(q position) bool {
	if !q.startedAt.Equal(p.startedAt) {
		return q.startedAt.Before(p.startedAt)
	}
	return q.callID < p.callID
}

func badCursor(cursor string) *Problem {
	p := newProblem(CodeInvalidRequest, "the cursor is not one that this list gave out")
	p.Errors = []FieldError{{Location: "query.cursor", Message: "is not a next_cursor of this list", Value: shown(cursor)}}
	return p
}
