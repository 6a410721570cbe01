package main

import (
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"b2bua/cdr"
	"b2bua/internal/config"
	"b2bua/internal/siptest"
	"b2bua/legs"
)

var quiet = slog.New(slog.DiscardHandler)

// started starts a server; the test stops it.
func started(t *testing.T, cfg *config.Config) *server {
	t.Helper()
	s, err := startServer(t.Context(), cfg, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.running == nil {
			return
		}
		if err := s.shutdown(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func clientOf(t *testing.T, s *server) client {
	t.Helper()
	return client{t: t, base: "http://" + s.http.Addr().String(), token: s.token}
}

// A second process is refused by the name of what the first one has, and leaves
// nothing behind (TestMain looks).
func TestSecondProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := started(t, demoConfig(dir))
	sip, http := first.stack.Listeners()[0].Addr.String(), first.http.Addr().String()
	for name, tt := range map[string]struct {
		change func(*config.Config)
		want   []string
	}{
		"sip":     {func(c *config.Config) { c.SIP.Listen = []string{"udp://" + sip} }, []string{"sip.listen", sip, "in use"}},
		"http":    {func(c *config.Config) { c.HTTP.Listen = http }, []string{"http.listen", http, "in use"}},
		"journal": {func(c *config.Config) { c.CDR.Journal = filepath.Join(dir, "journal") }, []string{"cdr.journal", dir, "in use"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := demoConfig(t.TempDir())
			tt.change(cfg)
			_, err := startServer(t.Context(), cfg, quiet)
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want %q in it", err, want)
				}
			}
		})
	}
}

// Whichever step of the start fails, what had started is stopped.
func TestFailedStart(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(c *config.Config, dir string)
		want   string
	}{
		"database":  {func(c *config.Config, _ string) { c.Database.URL = "sqlite:///dev/null/b2bua.db" }, "database.url"},
		"journal":   {func(c *config.Config, _ string) { c.CDR.Journal = "/dev/null/journal" }, "cdr.journal"},
		"media":     {func(c *config.Config, _ string) { c.Media.Addresses = []netip.Addr{netip.MustParseAddr("192.0.2.1")} }, "media"},
		"sip":       {func(c *config.Config, _ string) { c.SIP.Listen = []string{"udp://192.0.2.1:5060"} }, "sip.listen"},
		"token":     {func(c *config.Config, dir string) { c.HTTP.TokenFile = dir }, "http.token_file"},
		"http":      {func(c *config.Config, _ string) { c.HTTP.Listen = "192.0.2.1:80" }, "http.listen"},
		"no policy": {func(c *config.Config, _ string) { c.Database.URL = nowhere }, "policy.snapshot.json"},
		"kept away": {func(c *config.Config, _ string) { c.Database.URL = "mysql://x/y" }, "sqlite:// or postgres://"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			cfg := demoConfig(dir)
			tt.change(cfg, dir)
			_, err := startServer(t.Context(), cfg, quiet)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

// nowhere is a Postgres that is not there.
const nowhere = "postgres://b2bua:secret@127.0.0.1:1/b2bua?sslmode=disable"

// With the database down a server starts on the policy it kept, takes calls,
// keeps their records, and ends without complaint; the records reach the
// database when it is back.
func TestDatabaseDown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := demoConfig(dir)
	called := siptest.New(t, "127.0.0.1:0")
	s := started(t, cfg)
	route(clientOf(t, s), called)
	if err := s.shutdown(); err != nil {
		t.Fatal(err)
	}

	down := demoConfig(dir)
	down.Database.URL = nowhere
	book := newLogbook()
	s, err := startServer(t.Context(), down, book.logger())
	if err != nil {
		t.Fatal(err)
	}
	if line, _ := book.find("the database cannot be reached"); line == nil {
		t.Error("nobody is told")
	}
	c := clientOf(t, s)
	if status, body := c.do("GET", "/readyz", ""); status != 200 {
		t.Errorf("readyz: %d %s", status, body)
	}
	if status, body := c.do("GET", "/v1/cdrs", ""); status != 503 || strings.Contains(body, "secret") {
		t.Errorf("cdrs: %d %s", status, body)
	}
	server := s.stack.Listeners()[0].Addr
	k := dial(t, server, called)
	k.caller.Send(server, k.caller.Request("BYE", 2, k.invite, k.ok))
	k.called.Send(server, k.called.Respond(k.called.Await("BYE"), 200, "", nil))
	k.caller.Await("200 BYE")
	s.stopTime = time.Second
	if err := s.shutdown(); err != nil {
		t.Errorf("the end: %v", err)
	}
	if line, _ := book.find("not every record is in the database"); line == nil {
		t.Error("nobody is told of the records that wait")
	}

	if err := started(t, cfg).shutdown(); err != nil {
		t.Fatal(err)
	}
	ended(t, cfg, cdr.EndCompleted, cdr.ByCaller)
}

// A shard that is stuck does not keep the others from stopping, nor the process
// from ending.
func TestStuckShard(t *testing.T) {
	t.Parallel()
	s, err := startServer(t.Context(), demoConfig(t.TempDir()), quiet)
	if err != nil {
		t.Fatal(err)
	}
	stuck, let, free := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(free)
		s.stack.Post(7, func(*legs.Core) {
			close(stuck)
			<-let
		})
	}()
	<-stuck
	s.endTime, s.stopTime = 50*time.Millisecond, time.Second
	began := time.Now()
	err = s.shutdown()
	if err == nil || !strings.Contains(err.Error(), "ending the calls") {
		t.Errorf("error %v", err)
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("it took %s", took)
	}
	close(let)
	<-free
	started(t, s.cfg) // the journal's lock is free again
}

func TestOffWhenZero(t *testing.T) {
	t.Parallel()
	if got := offWhenZero(0); got >= 0 {
		t.Errorf("0 becomes %d, which the relay takes for its default", got)
	}
	if got := offWhenZero(time.Second); got != time.Second {
		t.Errorf("1s becomes %s", got)
	}
}

// What each network says of itself in SIP and in SDP.
func TestAdvertise(t *testing.T) {
	t.Parallel()
	cfg := demoConfig(t.TempDir())
	cfg.SIP.Advertise = "198.51.100.7"
	cfg.Networks = map[string]config.Network{"inside": {
		Listen: []string{"udp://127.0.0.2:0"},
		Media:  config.NetworkMedia{Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.2")}},
	}}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	s := started(t, cfg)
	for _, l := range s.stack.Listeners() {
		want := map[string]string{"default": "198.51.100.7", "inside": "127.0.0.2"}[l.Network]
		if !strings.HasPrefix(l.Advertise, want) {
			t.Errorf("network %s advertises %s, want %s", l.Network, l.Advertise, want)
		}
	}
	called := siptest.New(t, "127.0.0.1:0")
	inside := siptest.New(t, "127.0.0.2:0")
	c := clientOf(t, s)
	c.must("POST", "/v1/trunks", `{"name": "pbx", "network": "inside", "sources": ["127.0.0.2/32"]}`)
	c.must("POST", "/v1/trunks", `{"name": "carrier", "gateways": [{"uri": "sip:`+called.Addr().String()+`"}]}`)
	c.must("POST", "/v1/routes", `{"name": "everything", "match": {"called_prefix": ""}, "targets": [{"trunk": "carrier"}]}`)
	var server netip.AddrPort
	for _, l := range s.stack.Listeners() {
		if l.Network == "inside" {
			server = l.Addr
		}
	}
	media := siptest.SDP(netip.MustParseAddrPort("127.0.0.2:9"))
	inside.Send(server, inside.Invite("sip:1@"+server.String(), "1000", "advertised", media))
	invite := called.Expect("INVITE")
	if !strings.Contains(string(invite.Body), "c=IN IP4 198.51.100.7\r\n") {
		t.Errorf("towards the outside SDP says\n%s", invite.Body)
	}
	if got := invite.Contacts[0].URI.Host; got != "198.51.100.7" {
		t.Errorf("towards the outside the Contact is %s", got)
	}
	called.Send(s.stack.Listeners()[0].Addr, called.Respond(invite, 200, "far", siptest.SDP(netip.MustParseAddrPort("127.0.0.1:9"))))
	ok := inside.Await("200 INVITE")
	if !strings.Contains(string(ok.Body), "c=IN IP4 127.0.0.2\r\n") || ok.Contacts[0].URI.Host != "127.0.0.2" {
		t.Errorf("towards the inside: Contact %s, SDP\n%s", ok.Contacts[0].URI.Host, ok.Body)
	}
	s.endTime = time.Second // nobody answers the BYEs
}
