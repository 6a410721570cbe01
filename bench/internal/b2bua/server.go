// Package b2bua starts the real server for a benchmark and asks it, over its
// API, what became of the calls.
package b2bua

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"b2bua/bench/internal/child"
)

// Config is a server to start.
type Config struct {
	Binary string // the program
	Dir    string // for its configuration and data; it must exist
	IP     string // of SIP (port 5060), the API (port 8080) and media (ports 10000-59999)
	Caller string // host:port that calls come from; the trunk "caller"
	Callee string // host:port that every call goes to; the trunk "callee"
	Media  string // of both trunks: relay or bypass; empty: relay
	Debug  bool   // serve profiles
}

// A Server is a running b2bua. Get one from [Start].
type Server struct {
	*child.Process
	cfg   Config
	token string
	http  http.Client
}

// configuration is what a benchmark sets; the rest are the defaults. No RTP
// comes in most benchmarks, so its absence must not end calls.
const configuration = `sip:
  listen: ["udp://%[1]s:5060"]
media:
  addresses: [%[1]s]
  ports: 10000-59999
  timeout: 0
  quarantine: 1s
database:
  url: sqlite://%[2]s/b2bua.db
http:
  listen: %[1]s:8080
  token_file: %[2]s/admin.token
  debug: %[3]t
cdr:
  journal: %[2]s/journal
`

// Start runs a server with a policy of two trunks and one route, and returns
// when it takes calls. End it with [Server.Stop].
func Start(ctx context.Context, cfg Config) (*Server, error) {
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, err
	}
	cfg.Dir = dir
	binary, err := filepath.Abs(cfg.Binary)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "b2bua.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, configuration, cfg.IP, dir, cfg.Debug), 0o600); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, http: http.Client{Timeout: time.Minute}}
	if s.Process, err = child.Start(dir, "b2bua", binary, "serve", "--config", file); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		s.Kill()
		return nil, fmt.Errorf("%w\n%s", err, s.Tail())
	}
	return s, nil
}

func (s *Server) prepare(ctx context.Context) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	token, err := os.ReadFile(filepath.Join(s.cfg.Dir, "admin.token"))
	if err != nil {
		return err
	}
	s.token = strings.TrimSpace(string(token))
	return s.route(ctx)
}

// ready waits until the server takes calls.
func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := s.call(ctx, http.MethodGet, "/readyz", nil); err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.Done():
			return errors.Join(errors.New("the server ended while starting"), s.Err())
		case <-ctx.Done():
			return fmt.Errorf("the server is not ready: %w", context.Cause(ctx))
		}
	}
}

// object is a JSON object.
type object map[string]any

func (s *Server) route(ctx context.Context) error {
	media := s.cfg.Media
	if media == "" {
		media = "relay"
	}
	source, _, _ := strings.Cut(s.cfg.Caller, ":")
	for _, step := range []struct {
		path string
		body object
	}{
		{"/v1/trunks", object{
			"name": "caller", "sources": []string{source + "/32"}, "media": media,
			"gateways": []object{{"uri": "sip:" + s.cfg.Caller}},
		}},
		{"/v1/trunks", object{"name": "callee", "media": media, "gateways": []object{{"uri": "sip:" + s.cfg.Callee}}}},
		{"/v1/routes", object{"name": "everything", "match": object{"called_prefix": ""}, "targets": []object{{"trunk": "callee"}}}},
	} {
		if _, err := s.call(ctx, http.MethodPost, step.path, step.body); err != nil {
			return err
		}
	}
	return nil
}

// Addr returns where it takes calls, host:port.
func (s *Server) Addr() string { return s.cfg.IP + ":5060" }

// Stop ends the server and its calls.
func (s *Server) Stop() error { return s.Process.Stop(syscall.SIGINT) }

// Profile returns a CPU profile of the next so many seconds. The server must
// have been started with Debug.
func (s *Server) Profile(ctx context.Context, seconds int) ([]byte, error) {
	return s.call(ctx, http.MethodGet, fmt.Sprintf("/debug/pprof/profile?seconds=%d", seconds), nil)
}

// call asks the API and returns the body of its answer.
func (s *Server) call(ctx context.Context, method, path string, body any) ([]byte, error) {
	var in io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		in = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+s.cfg.IP+":8080"+path, in)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := s.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, res.Status, answer)
	}
	return answer, err
}
