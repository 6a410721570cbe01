package test

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// demo runs `b2bua demo` and returns its exit status and what it printed.
func demo(t *testing.T, args ...string) (status int, out string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	raw, err := exec.CommandContext(ctx, serverBinary, append([]string{"demo", "--talk", "2s"}, args...)...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		status = exit.ExitCode()
	}
	return status, string(raw)
}

func TestDemo(t *testing.T) {
	t.Parallel()
	status, out := demo(t)
	if status != 0 {
		t.Fatalf("exit status %d\n%s", status, out)
	}
	for _, want := range []string{"INVITE (SDP)", "180 Ringing", "200 OK (SDP)", "ACK", "BYE", `"end_reason": "completed"`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if n := strings.Count(out, ": good\n"); n != 2 {
		t.Errorf("%d directions are good, want 2, in\n%s", n, out)
	}
	if strings.Contains(out, "BAD") {
		t.Errorf("bad audio in\n%s", out)
	}
}

// A demo that cannot fail shows nothing.
func TestDemoNotices(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"mute", "one-way", "swapped"} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			status, out := demo(t, "--break", fault)
			if status != 1 || !strings.Contains(out, "BAD") {
				t.Errorf("exit status %d\n%s", status, out)
			}
		})
	}
}
