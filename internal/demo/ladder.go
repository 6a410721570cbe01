package demo

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"b2bua/legs/sipmsg"
)

// ladder prints messages as arrows between three columns, as they happen.
type ladder struct {
	out io.Writer
	now func() time.Time

	mu    sync.Mutex
	began time.Time // zero before head: nothing is drawn yet
}

const (
	margin = 10 // columns before the first line of life
	arrow  = 30 // columns from one line of life to the next

	longest = arrow - 6 // text on an arrow that is at least one column long
)

// head begins the clock and names the columns.
func (l *ladder) head() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.began = l.now()
	_, _ = fmt.Fprintf(l.out, "%*s  %-*s%-*s%s\n", margin-2, "ms", arrow, "alice", arrow, "b2bua", "bob")
}

// say prints text between the messages.
func (l *ladder) say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintf(l.out, format, args...)
}

// message draws one message that a telephone sent or received, and below it
// where its description wants the audio.
func (l *ladder) message(m *sipmsg.Message, phone string, sent bool) {
	text := m.Method
	if !m.IsRequest() {
		text = strconv.Itoa(m.Status) + " " + m.Reason
	}
	below := ""
	if len(m.Body) > 0 {
		text += " (SDP)"
		if to, err := audioOf(m.Body); err == nil {
			below = "audio to " + to.String()
		}
	}
	if r := []rune(text); len(r) > longest {
		text = string(r[:longest-1]) + "…"
	}
	right := (phone == "alice") == sent
	shaft := strings.Repeat("-", arrow-5-utf8.RuneCountInString(text))
	drawn := " " + text + " " + shaft + "> "
	if !right {
		drawn = " <" + shaft + " " + text + " "
		if below != "" {
			below = fmt.Sprintf("%*s", arrow-3, below)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.row(true, phone, drawn)
	if below != "" {
		l.row(false, phone, " "+below)
	}
}

// talking draws the audio of both legs.
func (l *ladder) talking() {
	const text = " audio "
	side := (arrow - 5 - len(text)) / 2
	drawn := " <" + strings.Repeat("=", side) + text + strings.Repeat("=", arrow-5-len(text)-side) + "> "
	l.mu.Lock()
	defer l.mu.Unlock()
	l.row(true, "", drawn)
}

// row draws between the lines of life of one telephone's leg, or of both. The
// caller holds mu.
func (l *ladder) row(timed bool, phone, drawn string) {
	if l.began.IsZero() {
		return
	}
	at := ""
	if timed {
		at = fmt.Sprintf("%.1f", float64(l.now().Sub(l.began).Microseconds())/1000)
	}
	left, mid := drawn, drawn
	switch phone {
	case "alice":
		mid = ""
	case "bob":
		left = ""
	}
	_, _ = fmt.Fprintf(l.out, "%*s  |%-*s|%-*s|\n", margin-2, at, arrow-1, left, arrow-1, mid)
}
