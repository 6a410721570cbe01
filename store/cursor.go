package store

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"b2bua/cdr"
)

// A cursor is the key of the last record of a page: the next page begins
// behind it, whatever was inserted meanwhile.
type cursor struct {
	started time.Time
	callID  string
}

func cursorOf(r *cdr.Record) cursor { return cursor{r.StartedAt, r.CallID} }

// String returns the form that clients carry around.
func (c cursor) String() string {
	plain := strconv.FormatInt(c.started.UnixMicro(), 10) + " " + c.callID
	return base64.RawURLEncoding.EncodeToString([]byte(plain))
}

// parseCursor reads what String made.
func parseCursor(s string) (cursor, error) {
	bad := &cdr.QueryError{Field: "cursor", Message: "must be the next_cursor of a page before"}
	plain, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return cursor{}, bad
	}
	at, id, ok := strings.Cut(string(plain), " ")
	micro, err := strconv.ParseInt(at, 10, 64)
	if c := (cursor{time.UnixMicro(micro).UTC(), id}); ok && err == nil && id == text(id) && c.String() == s {
		return c, nil
	}
	return cursor{}, bad
}
