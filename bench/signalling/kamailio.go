package main

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"text/template"
	"time"

	"b2bua/bench/internal/child"
)

//go:embed kamailio.cfg
var kamailioConfig string

// startKamailio runs Debian's Kamailio with the configuration beside this
// file.
func (b *bench) startKamailio(ctx context.Context, name string) (*server, error) {
	dir, err := b.newDir("kamailio")
	if err != nil {
		return nil, err
	}
	control := filepath.Join(dir, "ctl")
	cfg, err := template.New("").Parse(kamailioConfig)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	addr := kamailioIP + ":5060"
	if err := cfg.Execute(&text, map[string]string{"Address": addr, "Callee": calleeAddr, "Control": control}); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "kamailio.cfg")
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		return nil, err
	}
	p, err := child.Start(dir, "kamailio", "kamailio", "-DD", "-E", "-f", file, "-m", "512", "-M", "16", "-Y", dir)
	if err != nil {
		return nil, err
	}
	s := &server{
		name: name, addr: addr, pid: p.PID(), shared: true,
		figures: func(ctx context.Context) (figures, error) { return kamailioFigures(ctx, control) },
		stop:    func() error { return p.Stop(syscall.SIGTERM) },
	}
	for range 50 {
		if _, err = s.figures(ctx); err == nil {
			return s, nil
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			break
		}
	}
	p.Kill()
	return nil, fmt.Errorf("kamailio does not answer: %w\n%s", err, p.Tail())
}

func kamailioFigures(ctx context.Context, control string) (figures, error) {
	text, err := exec.CommandContext(ctx, "kamcmd", "-s", "unix:"+control, "stats.get_statistics", "all").Output()
	if err != nil {
		return figures{}, fmt.Errorf("kamcmd: %w", err)
	}
	return parseKamailio(string(text))
}

// parseKamailio reads lines like "dialog:active_dialogs = 0".
func parseKamailio(text string) (figures, error) {
	stats := make(map[string]float64)
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), " = ")
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil {
			return figures{}, fmt.Errorf("%q: %w", lines.Text(), err)
		}
		stats[strings.TrimSpace(name)] = v
	}
	var f figures
	var missing []string
	for _, s := range []struct {
		to    *float64
		names []string
	}{
		{&f.calls, []string{"dialog:processed_dialogs"}},
		{&f.live, []string{"dialog:active_dialogs", "dialog:early_dialogs"}},
		{&f.failed, []string{
			"dialog:failed_dialogs", "dialog:expired_dialogs", "tmx:3xx_transactions", "tmx:4xx_transactions",
			"tmx:5xx_transactions", "tmx:6xx_transactions",
		}},
		{&f.dropped, []string{"core:drop_requests", "core:drop_replies"}},
	} {
		for _, name := range s.names {
			v, ok := stats[name]
			if !ok {
				missing = append(missing, name)
			}
			*s.to += v
		}
	}
	if missing != nil {
		return figures{}, fmt.Errorf("kamailio does not count %s", strings.Join(missing, ", "))
	}
	return f, nil
}
