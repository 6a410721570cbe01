package test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"b2bua/cdr"
)

// patience bounds every wait of these tests.
const patience = 30 * time.Second

var networks atomic.Int32

// A server is one child process on a loopback network of its own:
// 127.77.n.1 is the server, the other addresses are for its peers.
type server struct {
	t      *testing.T
	n      int
	dir    string
	file   string // its configuration
	cmd    *exec.Cmd
	token  string
	done   chan struct{}
	client http.Client

	mu  sync.Mutex
	log bytes.Buffer
}

// ip is host number h of the server's network.
func (s *server) ip(h int) string { return fmt.Sprintf("127.77.%d.%d", s.n, h) }

// serve starts the binary on SQLite with extra lines of configuration, and
// stops it when the test ends: a race report or a bad exit fails the test.
func serve(t *testing.T, extra string) *server {
	t.Helper()
	s := prepare(t, "", extra)
	s.start()
	t.Cleanup(s.stop)
	return s
}

// prepare writes a configuration and starts nothing. An empty database is a
// SQLite file of its own.
func prepare(t *testing.T, database, extra string) *server {
	t.Helper()
	s := &server{t: t, n: int(networks.Add(1)), dir: t.TempDir(), client: http.Client{Timeout: patience}}
	if database == "" {
		database = "sqlite://" + s.dir + "/b2bua.db"
	}
	config := fmt.Sprintf(`
sip:
  listen: ["udp://%[1]s:5060", "tcp://%[1]s:5060"]
media:
  addresses: [%[1]s]
  ports: 20000-29999
  quarantine: 1s
database:
  url: %[4]s
http:
  listen: %[1]s:8080
  token_file: %[2]s/admin.token
cdr:
  journal: %[2]s/journal
log: {level: info, format: json}
%[3]s`, s.ip(1), s.dir, extra, database)
	s.file = filepath.Join(s.dir, "b2bua.yaml")
	if err := os.WriteFile(s.file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// start starts the process and returns when it serves.
func (s *server) start() {
	s.t.Helper()
	s.cmd, s.done = exec.Command(serverBinary, "serve", "--config", s.file), make(chan struct{})
	s.cmd.Env = append(os.Environ(), "GORACE=exitcode=66")
	pipe, err := s.cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	serving := make(chan struct{})
	go s.read(pipe, serving)
	select {
	case <-serving:
	case <-s.done:
		s.t.Fatalf("the server did not start:\n%s", s.logged())
	case <-time.After(patience):
		s.stop()
		s.t.Fatalf("the server is not ready:\n%s", s.logged())
	}
	token, err := os.ReadFile(filepath.Join(s.dir, "admin.token"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.token = strings.TrimSpace(string(token))
}

// kill is kill -9, and returns the last moment at which it lived.
func (s *server) kill() time.Time {
	s.t.Helper()
	at := time.Now()
	if err := s.cmd.Process.Kill(); err != nil {
		s.t.Fatal(err)
	}
	<-s.done
	_ = s.cmd.Wait() // killed
	s.client.CloseIdleConnections()
	return at
}

func (s *server) read(pipe io.Reader, serving chan struct{}) {
	defer close(s.done)
	lines := bufio.NewScanner(pipe)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		s.mu.Lock()
		s.log.Write(append(lines.Bytes(), '\n'))
		s.mu.Unlock()
		if strings.Contains(lines.Text(), `"msg":"serving"`) {
			close(serving)
		}
	}
}

func (s *server) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGINT)
	timer := time.AfterFunc(patience, func() { _ = s.cmd.Process.Signal(syscall.SIGABRT) })
	defer timer.Stop()
	<-s.done
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("the server ended with %v\n%s", err, s.logged())
	}
	if s.t.Failed() {
		s.t.Logf("the server's log:\n%s", s.logged())
	}
}

// api calls the REST API and decodes the answer into out, unless that is nil.
func (s *server) api(method, path string, body, out any) {
	s.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+s.ip(1)+":8080"+path, bytes.NewReader(raw))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 {
		s.t.Fatalf("%s %s: %s %v\n%s", method, path, res.Status, err, answer)
	}
	switch out := out.(type) {
	case nil:
	case *string:
		*out = string(answer)
	default:
		if err := json.Unmarshal(answer, out); err != nil {
			s.t.Fatalf("%s %s: %v\n%s", method, path, err, answer)
		}
	}
}

// object is a JSON object.
type object map[string]any

// route makes the usual policy: calls from host 2 go to these gateways in turn.
func (s *server) route(trunk object, gateways ...string) {
	s.t.Helper()
	s.routeFrom(s.ip(2), trunk, gateways...)
}

func (s *server) routeFrom(source string, trunk object, gateways ...string) {
	s.t.Helper()
	list := make([]object, len(gateways))
	for i, g := range gateways {
		list[i] = object{"uri": "sip:" + g, "priority": i + 1}
	}
	carrier := object{"name": "carrier", "gateways": list}
	maps.Copy(carrier, trunk)
	s.api("POST", "/v1/trunks", object{"name": "pbx", "sources": []string{source + "/32"}, "gateways": []object{{"uri": "sip:" + source + ":5060"}}}, nil)
	s.api("POST", "/v1/trunks", carrier, nil)
	s.api("POST", "/v1/routes", object{"name": "everything", "match": object{"called_prefix": ""}, "targets": []object{{"trunk": "carrier"}}}, nil)
}

// cdrs waits until there are n records and returns them, newest first.
func (s *server) cdrs(n int) []cdr.Record {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var all []cdr.Record
		cursor := ""
		for {
			var page struct {
				Items      []cdr.Record `json:"items"`
				NextCursor string       `json:"next_cursor"`
			}
			s.api("GET", "/v1/cdrs?limit=500&cursor="+cursor, nil, &page)
			all = append(all, page.Items...)
			if cursor = page.NextCursor; cursor == "" {
				break
			}
		}
		if len(all) == n {
			return all
		}
		if len(all) > n || time.Now().After(deadline) {
			s.t.Fatalf("%d records, want %d", len(all), n)
		}
		<-tick.C
	}
}

// metric is the sum of one metric's series whose text contains all of labels;
// that there is none fails the test.
func (s *server) metric(name string, labels ...string) float64 {
	s.t.Helper()
	var text string
	s.api("GET", "/metrics", nil, &text)
	sum, found := 0.0, false
series:
	for _, line := range regexp.MustCompile(`(?m)^`+name+`(\{[^}]*\})? (\S+)$`).FindAllStringSubmatch(text, -1) {
		for _, l := range labels {
			if !strings.Contains(line[1], l) {
				continue series
			}
		}
		v, err := strconv.ParseFloat(line[2], 64)
		if err != nil {
			s.t.Fatal(err)
		}
		sum, found = sum+v, true
	}
	if !found {
		s.t.Fatalf("no metric %s with %v", name, labels)
	}
	return sum
}

// await waits until a figure is what it should be.
func (s *server) await(what string, want float64, read func() float64) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for got := read(); got != want; got = read() {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s is %v, want %v", what, got, want)
		}
		<-tick.C
	}
}
