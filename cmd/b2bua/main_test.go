package main

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// command runs one command as main does.
func command(args ...string) (status int, out, complaints string) {
	var stdout, stderr bytes.Buffer
	status = run(args, &stdout, &stderr)
	return status, stdout.String(), stderr.String()
}

func TestVersion(t *testing.T) {
	t.Parallel()
	status, out, complaints := command("version")
	if status != 0 || complaints != "" || !strings.HasPrefix(out, "b2bua ") || !strings.Contains(out, runtime.Version()) {
		t.Errorf("%d %q %q", status, out, complaints)
	}
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	status, out, _ := command("--help")
	for _, name := range []string{"serve", "demo", "check", "migrate", "version"} {
		if status != 0 || !strings.Contains(out, name) {
			t.Errorf("status %d, no %s in\n%s", status, name, out)
		}
	}
	for _, args := range [][]string{{}, {"sevre"}, {"serve", "too", "much"}, {"migrate", "sideways"}, {"demo", "--break", "everything"}} {
		if status, _, complaints := command(args...); status == 0 || complaints == "" {
			t.Errorf("%q: status %d, %q", args, status, complaints)
		}
	}
}
