package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"b2bua/internal/config"
	"b2bua/internal/siptest"
)

// write writes a configuration file and returns its path.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "b2bua.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// pointsAt is a configuration file with the data of cfg.
func pointsAt(t *testing.T, cfg *config.Config) string {
	t.Helper()
	return write(t, "database: {url: \""+cfg.Database.URL+"\"}\ncdr: {journal: \""+cfg.CDR.Journal+"\"}\n")
}

// Each fault of a configuration is told with its key, its value and its bound,
// by every command that reads it.
func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	path := write(t, "node_id: 0\nsip:\n  listen: [\"tls://127.0.0.1:5061\"]\n  unknow: drop\nmedia: {ports: 20000-10000, timeout: 10ms}\n"+
		"http: {listen: \"127.0.0.1\"}\ndrain_timeout: 48h\nlog: {level: loud}\n")
	for _, name := range []string{"serve", "check", "migrate"} {
		status, out, complaints := command(name, "--config", path)
		if status != 1 || out != "" {
			t.Errorf("%s: status %d, %q", name, status, out)
		}
		for _, want := range []string{
			`b2bua.yaml:1: node_id: "0" must be from 1 to 65535`,
			`b2bua.yaml:3: sip.listen[0]: "tls://127.0.0.1:5061"`,
			`b2bua.yaml:4: sip.unknow: unknown key; did you mean unknown?`,
			"media.ports", "20000-10000",
			`b2bua.yaml:5: media.timeout: "10ms" must be from 1s to 24h`,
			`http.listen: "127.0.0.1" must be address:port`,
			`drain_timeout: "48h" must be from 0s to 24h`,
			`log.level: "loud" must be one of debug, info, warn, error`,
		} {
			if !strings.Contains(complaints, want) {
				t.Errorf("%s: no %s in\n%s", name, want, complaints)
			}
		}
	}
	if status, _, complaints := command("check", "-c", filepath.Join(t.TempDir(), "none.yaml")); status != 1 || !strings.Contains(complaints, "none.yaml") {
		t.Errorf("a file that is not there: %d %s", status, complaints)
	}
}

// The file may be named by the environment.
func TestConfigVariable(t *testing.T) {
	t.Setenv("B2BUA_CONFIG", write(t, "node_id: 0\n"))
	if status, _, complaints := command("check"); status != 1 || !strings.Contains(complaints, "node_id") {
		t.Errorf("%d %s", status, complaints)
	}
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	cfg := demoConfig(t.TempDir())
	path := pointsAt(t, cfg)
	steps := func(direction string, missing bool, flags ...string) {
		t.Helper()
		status, out, complaints := command(append([]string{"migrate", direction, "-c", path}, flags...)...)
		if status != 0 || out == "" || strings.Contains(out, "missing") != missing {
			t.Errorf("migrate %s: %d\n%s%s", direction, status, out, complaints)
		}
	}
	steps("status", true)
	if _, out, _ := command("check", "-c", path); !strings.Contains(out, "are not applied") {
		t.Errorf("check before: %s", out)
	}
	steps("status", true) // check has changed nothing
	steps("up", false)
	steps("status", false)
	steps("up", false)
	if status, _, complaints := command("migrate", "down", "-c", path); status != 1 || !strings.Contains(complaints, "--yes") {
		t.Errorf("migrate down without --yes: %d %s", status, complaints)
	}
	steps("status", false)
	steps("down", true, "--yes")
	steps("up", false)
}

func TestCheck(t *testing.T) {
	t.Parallel()
	cfg := demoConfig(t.TempDir())
	path := pointsAt(t, cfg)
	if status, out, complaints := command("check", "-c", path); status != 0 || !strings.Contains(out, "none yet") {
		t.Errorf("before the first start: %d %s%s", status, out, complaints)
	}
	if !missing(cfg.Database.URL) {
		t.Error("check has made the database")
	}
	s := started(t, cfg)
	route(clientOf(t, s), siptest.New(t, "127.0.0.1:0"))
	if status, out, complaints := command("check", "-c", path); status != 0 || !strings.Contains(out, "policy: ok, revision 3: 0 accounts, 2 trunks, 1 routes") {
		t.Errorf("%d %s%s", status, out, complaints)
	}
	nobody := write(t, "database: {url: \""+nowhere+"\"}\n")
	status, _, complaints := command("check", "-c", nobody)
	if status != 1 || !strings.Contains(complaints, "database.url") || strings.Contains(complaints, "secret") {
		t.Errorf("a database that is not there: %d %s", status, complaints)
	}
}

// A policy that does not compile: every fault, and status 1.
func TestCheckPolicy(t *testing.T) {
	t.Parallel()
	cfg := demoConfig(t.TempDir())
	spoil(t, cfg)
	status, out, complaints := command("check", "-c", pointsAt(t, cfg))
	if status != 1 || !strings.Contains(complaints, "faults at revision") || strings.Count(out, "\npolicy: ") < 2 {
		t.Errorf("%d\n%s%s", status, out, complaints)
	}
	if _, err := startServer(t.Context(), cfg, quiet); err == nil || !strings.Contains(err.Error(), "policy revision") {
		t.Errorf("a server starts on it: %v", err)
	}
}
