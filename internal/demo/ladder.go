package demo

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"b2bua/legs/sipmsg"
)

// ladder prints messages as arrows between three columns, as they happen.
type ladder struct {
	out   io.Writer
	began time.Time
	mu    sync.Mutex
}

const arrow = 30 // columns between two lines of life

func (l *ladder) head() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintf(l.out, "%8s  %-*s %-*s %s\n", "ms", arrow, "alice", arrow, "b2bua", "bob")
}

// message draws one message that a telephone sent or received.
func (l *ladder) message(m *sipmsg.Message, phone string, sent bool) {
	text := m.Method
	if !m.IsRequest() {
		text = strconv.Itoa(m.Status) + " " + m.Reason
	}
	if len(m.Body) > 0 {
		text += " (SDP)"
	}
	right := (phone == "alice") == sent
	shaft := strings.Repeat("-", max(1, arrow-5-len(text)))
	drawn := " " + text + " " + shaft + "> "
	if !right {
		drawn = " <" + shaft + " " + text + " "
	}
	empty := strings.Repeat(" ", arrow-1)
	left, mid := drawn, empty
	if phone == "bob" {
		left, mid = empty, drawn
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintf(l.out, "%8.1f  |%-*s|%-*s|\n", float64(time.Since(l.began).Microseconds())/1000, arrow-1, left, arrow-1, mid)
}
