package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"b2bua/internal/config"
)

// The texts whose commands must work as they stand.
const (
	readme     = "../../README.md"
	operations = "../../docs/operations.md"
)

func text(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// blocks returns the fenced blocks of one language.
func blocks(text, language string) (found []string) {
	fence, inside := "", false
	for line := range strings.Lines(text) {
		mark, ok := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case ok && !inside:
			fence, inside = mark, true
			if fence == language {
				found = append(found, "")
			}
		case ok:
			inside = false
		case inside && fence == language:
			found[len(found)-1] += line
		}
	}
	return found
}

// The YAML of the README is a configuration.
func TestReadmeConfiguration(t *testing.T) {
	t.Parallel()
	found := blocks(text(t, readme), "yaml")
	if len(found) == 0 {
		t.Fatal("the README has no configuration")
	}
	for _, block := range found {
		if _, err := config.Load(write(t, block), nil); err != nil {
			t.Errorf("%v\n%s", err, block)
		}
	}
	for _, value := range []string{config.Default().SIP.Listen[0], config.Default().HTTP.Listen, config.Default().HTTP.TokenFile} {
		if !strings.Contains(text(t, readme), value) {
			t.Errorf("the README does not name the default %s", value)
		}
	}
}

// The commands of the README and of docs/operations.md do what they say, in
// their order, on a new server.
func TestShownCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := demoConfig(dir)
	cfg.HTTP.Debug = true // as the text says for the profile
	cfg.HTTP.TokenFile = filepath.Join(dir, config.Default().HTTP.TokenFile)
	s := started(t, cfg)
	sh := shell{t: t, base: "http://" + s.http.Addr().String(), vars: map[string]string{"PWD": dir}}
	var answers []string
	for _, path := range []string{readme, operations} {
		for _, block := range blocks(text(t, path), "") {
			answers = append(answers, sh.run(block)...)
		}
	}
	wants := []string{
		`"name":"pbx"`, `"name":"carrier"`, `"name":"everything"`, "sip:127.0.0.2:5062", // README
		`"items":[]`, `"name":"everything"`, "call_id", "\x1f\x8b", // operations; the profile is gzip
	}
	if len(answers) != len(wants) {
		t.Fatalf("%d commands, %d are known", len(answers), len(wants))
	}
	for i, want := range wants {
		if !strings.Contains(strings.ReplaceAll(answers[i], " ", ""), want) {
			t.Errorf("command %d: no %s in %s", i, want, answers[i])
		}
	}
}

// What else the texts name exists: make targets, commands, files, metrics.
func TestShownNames(t *testing.T) {
	t.Parallel()
	makefile := text(t, "../../Makefile")
	metrics := described(t)
	for _, path := range []string{readme, operations} {
		text := text(t, path)
		for _, m := range regexp.MustCompile(`\bmake ([a-z]+)\b`).FindAllStringSubmatch(strings.Join(blocks(text, ""), "\n"), -1) {
			if !strings.Contains(makefile, "\n"+m[1]+":") {
				t.Errorf("%s: make %s is no target", path, m[1])
			}
		}
		for _, m := range regexp.MustCompile("(?:bin/|`|bin/)b2bua ([a-z]+)\\b").FindAllStringSubmatch(text, -1) {
			if status, _, _ := command(m[1], "--help"); status != 0 {
				t.Errorf("%s: b2bua %s is no command", path, m[1])
			}
		}
		for _, m := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
		for _, name := range regexp.MustCompile("b2bua_[a-z_]+").FindAllString(text, -1) {
			if !slices.Contains(metrics, name) {
				t.Errorf("%s: %s is no metric", path, name)
			}
		}
	}
}

// described lists the metrics of a server.
func described(t *testing.T) (names []string) {
	t.Helper()
	s := started(t, demoConfig(t.TempDir()))
	found := make(chan *prometheus.Desc)
	go func() {
		s.reg.Describe(found)
		close(found)
	}()
	name := regexp.MustCompile(`fqName: "([^"]+)"`)
	for d := range found {
		names = append(names, name.FindStringSubmatch(d.String())[1])
	}
	return names
}
