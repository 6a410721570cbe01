package test

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"text/template"
	"time"
)

// A sipp is one run of a scenario: a template of test/scenarios, filled in.
type sipp struct {
	scenario string
	facts    any    // for the template
	ip       string // its own address
	to       string // empty for a callee
	mode     string // of -t: t1 is TCP over one connection, tn over one for each call; empty is UDP
	port     int    // its own, 5060 unless set
	calls    int
	rate     int
	hold     time.Duration
}

// start begins a run and returns how to wait for its end; a scenario that goes
// otherwise than written fails the test.
func (x sipp) start(t *testing.T) (wait func()) {
	t.Helper()
	_, wait = x.run(t)
	return wait
}

// run is start that also returns the process, by which SIPp makes its Call-IDs.
func (x sipp) run(t *testing.T) (p *os.Process, wait func()) {
	t.Helper()
	dir := t.TempDir()
	tmpl, err := template.ParseFiles(filepath.Join("scenarios", x.scenario+".xml"), filepath.Join("scenarios", "parts.xml"))
	if err != nil {
		t.Fatal(err)
	}
	var xml bytes.Buffer
	if err := tmpl.Execute(&xml, x.facts); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, x.scenario+".xml")
	if err := os.WriteFile(file, bytes.TrimLeft(xml.Bytes(), "\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{
		"-sf", file, "-i", x.ip, "-p", strconv.Itoa(cmp.Or(x.port, 5060)), "-m", strconv.Itoa(max(1, x.calls)), "-r", strconv.Itoa(max(1, x.rate)),
		"-d", strconv.FormatInt(x.hold.Milliseconds(), 10), "-l", "5000", "-buff_size", "4194304",
		"-nostdin", "-trace_err", "-recv_timeout", "15000", "-timeout", "120", "-timeout_error",
	}
	if x.mode != "" {
		args = append(args, "-t", x.mode, "-max_socket", "1000")
	}
	if x.to != "" {
		args = append(args, x.to+":5060")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	cmd := exec.CommandContext(ctx, "sipp", args...)
	cmd.Dir = dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(cancel)
	return cmd.Process, func() {
		t.Helper()
		if err := <-ended; err != nil {
			logs, _ := filepath.Glob(filepath.Join(dir, "*_errors.log"))
			for _, l := range logs {
				text, _ := os.ReadFile(l)
				t.Logf("%s:\n%.4000s", filepath.Base(l), text)
			}
			tail := out.Bytes()
			t.Fatalf("sipp %s: %v\n%s", x.scenario, err, tail[max(0, len(tail)-3000):])
		}
	}
}
