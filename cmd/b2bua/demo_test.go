package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

// The story of a call that is well, and of those that are not.
func TestDemo(t *testing.T) {
	t.Parallel()
	for fault, want := range map[string][]string{
		"":        {"Alice heard Bob", "Bob heard Alice", ": good\n", `"end_reason": "completed"`, "GET /v1/calls: 1000 -> 33123456789"},
		"mute":    {"BAD, Alice heard silence", "BAD, Bob heard silence"},
		"one-way": {"BAD, Alice heard nothing at all", ": good\n"},
		"swapped": {"BAD, Alice heard itself", "BAD, Bob heard itself"},
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			err := demoCommand{Talk: time.Second, Break: fault}.run(t.Context(), &out, quiet)
			if (fault == "" && err != nil) || (fault != "" && !errors.Is(err, errFailed)) {
				t.Errorf("error %v", err)
			}
			for _, text := range want {
				if !strings.Contains(out.String(), text) {
					t.Errorf("no %q in\n%s", text, out.String())
				}
			}
			if fault == "" && strings.Contains(out.String(), "BAD") {
				t.Errorf("bad:\n%s", out.String())
			}
		})
	}
	if err := (demoCommand{Talk: time.Millisecond}).run(t.Context(), &bytes.Buffer{}, quiet); err == nil || !strings.Contains(err.Error(), "at least 1s") {
		t.Errorf("a short talk: %v", err)
	}
}

// Interrupted while they talk, the demo ends at once.
func TestDemoInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	out := &screen{seen: func(text string) {
		if strings.Contains(text, "GET /v1/calls") {
			cancel(enough)
		}
	}}
	if err := (demoCommand{Talk: time.Hour}).run(ctx, out, quiet); !errors.Is(err, enough) {
		t.Errorf("error %v", err)
	}
}

// A screen says what has been printed.
type screen struct {
	mu   sync.Mutex
	text string
	seen func(all string)
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	s.text += string(p)
	all := s.text
	s.mu.Unlock()
	s.seen(all)
	return len(p), nil
}

// With --stay every command that is printed works, and Bob answers.
func TestStay(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	guided := make(chan string, 1)
	out := &screen{seen: func(all string) {
		if _, text, ok := strings.Cut(all, "stay up"); ok {
			select {
			case guided <- text:
			default:
			}
		}
	}}
	done := make(chan error, 1)
	go func() { done <- demoCommand{Talk: time.Second, Stay: true}.run(ctx, out, quiet) }()
	var text string
	select {
	case text = <-guided:
	case err := <-done:
		t.Fatalf("ended: %v\n%s", err, out.text)
	}
	answers := shell{t: t, vars: map[string]string{}}.run(text)
	for i, want := range []string{`"items"`, `"end_reason":"completed"`, `"trunks"`, `"plan"`} {
		if i >= len(answers) || !strings.Contains(strings.ReplaceAll(answers[i], " ", ""), want) {
			t.Errorf("command %d: no %s in %s", i, want, answers)
		}
	}
	callBob(t, text)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
