package test

import (
	"context"
	"errors"
	"os"
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

// Who reads only the first lines, as `| head` does, leaves nothing behind.
func TestDemoUnread(t *testing.T) {
	t.Parallel()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	dir := t.TempDir()
	cmd := exec.CommandContext(ctx, serverBinary, "demo", "--talk", "1s")
	cmd.Stdout, cmd.Env = in, append(os.Environ(), "TMPDIR="+dir)
	if err := errors.Join(cmd.Start(), in.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
	if err := errors.Join(out.Close(), cmd.Wait()); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, error %v", left, err)
	}
}
