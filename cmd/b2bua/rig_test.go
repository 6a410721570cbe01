package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"b2bua/cdr"
	"b2bua/internal/config"
	"b2bua/internal/siptest"
	"b2bua/legs/sipmsg"
	"b2bua/policy"
	"b2bua/store"
)

// patience bounds every wait of these tests; nothing waits so long when all is
// well.
const patience = 30 * time.Second

// A logbook is a log that a test can read.
type logbook struct {
	mu    sync.Mutex
	lines []map[string]any
	more  chan struct{} // closed and replaced with each line
}

func newLogbook() *logbook { return &logbook{more: make(chan struct{})} }

func (b *logbook) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(b, nil)) }

func (b *logbook) Write(line []byte) (int, error) {
	var fields map[string]any
	if err := json.Unmarshal(line, &fields); err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, fields)
	close(b.more)
	b.more = make(chan struct{})
	return len(line), nil
}

// find returns the first line whose message begins so.
func (b *logbook) find(message string) (line map[string]any, more <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range b.lines {
		if text, _ := l["msg"].(string); strings.HasPrefix(text, message) {
			return l, nil
		}
	}
	return nil, b.more
}

// A process is serve in a goroutine, with a client for its API.
type process struct {
	t       *testing.T
	cfg     *config.Config
	log     *logbook
	signals chan os.Signal
	done    chan struct{}
	err     error // of serve, when done
	sip     netip.AddrPort
	api     client
}

// serving runs serve until the test ends.
func serving(t *testing.T, cfg *config.Config) *process {
	t.Helper()
	p := begin(t, cfg)
	address, _ := p.await("listening")["address"].(string)
	base, _ := p.await("serving")["http"].(string)
	p.sip = netip.MustParseAddrPort(address)
	p.api = client{t: t, base: base, token: readToken(t, cfg)}
	return p
}

// begin runs serve and does not wait for it.
func begin(t *testing.T, cfg *config.Config) *process {
	t.Helper()
	p := &process{t: t, cfg: cfg, log: newLogbook(), signals: make(chan os.Signal, 3), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.err = serve(cfg, p.log.logger(), p.signals)
	}()
	t.Cleanup(func() {
		p.signals <- os.Interrupt
		<-p.done
	})
	return p
}

func readToken(t *testing.T, cfg *config.Config) string {
	t.Helper()
	raw, err := os.ReadFile(cfg.HTTP.TokenFile)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(raw))
}

// await waits for a line in the log.
func (p *process) await(message string) map[string]any {
	p.t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		line, more := p.log.find(message)
		if line != nil {
			return line
		}
		select {
		case <-more:
		case <-p.done:
			p.t.Fatalf("the server ended (%v) without %q in its log", p.err, message)
		case <-limit.C:
			p.t.Fatalf("no %q in the log", message)
		}
	}
}

// ended waits for the end of serve.
func (p *process) ended() error {
	p.t.Helper()
	select {
	case <-p.done:
		return p.err
	case <-time.After(patience):
		p.t.Fatal("the server does not end")
		return nil
	}
}

// A client is somebody with the token.
type client struct {
	t           *testing.T
	base, token string
}

// do sends a request and returns status and body.
func (c client) do(method, path, body string) (status int, answer string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Close = true
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return res.StatusCode, string(raw)
}

func (c client) must(method, path, body string) string {
	c.t.Helper()
	status, answer := c.do(method, path, body)
	if status >= 300 {
		c.t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	return answer
}

// A call is one that is up, with its two ends.
type call struct {
	caller, called *siptest.Peer
	invite, ok     *sipmsg.Message // as the caller sees them
	farInvite      *sipmsg.Message // as the called one does
	farOK          *sipmsg.Message
}

// route makes the policy by which calls from loopback go to a peer.
func route(c client, gateway *siptest.Peer) {
	c.t.Helper()
	c.must("POST", "/v1/trunks", `{"name": "pbx", "sources": ["127.0.0.1/32"]}`)
	c.must("POST", "/v1/trunks", fmt.Sprintf(`{"name": "carrier", "gateways": [{"uri": "sip:%s"}]}`, gateway.Addr()))
	c.must("POST", "/v1/routes", `{"name": "everything", "match": {"called_prefix": ""}, "targets": [{"trunk": "carrier"}]}`)
}

// dial makes a call through a server that routes to called.
func dial(t *testing.T, server netip.AddrPort, called *siptest.Peer) *call {
	t.Helper()
	k := &call{caller: siptest.New(t, "127.0.0.1:0"), called: called}
	media := siptest.SDP(netip.MustParseAddrPort("127.0.0.1:9"))
	k.invite = k.caller.Invite("sip:33123456789@"+server.String(), "1000", "call-"+k.caller.Branch(), media)
	k.caller.Send(server, k.invite)
	k.farInvite = k.called.Expect("INVITE")
	k.farOK = k.called.Respond(k.farInvite, 200, "far", media)
	k.called.Send(server, k.farOK)
	k.ok = k.caller.Await("200 INVITE")
	k.caller.Send(server, k.caller.Request("ACK", 1, k.invite, k.ok))
	k.called.Await("ACK")
	return k
}

// hungUp answers the BYEs that the server sends to both ends.
func (k *call) hungUp(server netip.AddrPort) {
	for _, p := range []*siptest.Peer{k.caller, k.called} {
		p.Send(server, p.Respond(p.Await("BYE"), 200, "", nil))
	}
}

// records reads the stored CDRs of a server that has ended.
func records(t *testing.T, cfg *config.Config) []cdr.Record {
	t.Helper()
	st, err := store.Open(t.Context(), cfg.Database.URL, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	page, err := st.ListCDRs(t.Context(), cdr.Query{Limit: 100})
	if err = errors.Join(err, st.Close()); err != nil {
		t.Fatal(err)
	}
	return page.Items
}

// ended reports whether there is one record, of a call that ended so.
func ended(t *testing.T, cfg *config.Config, reason cdr.EndReason, by cdr.HungUpBy) {
	t.Helper()
	got := records(t, cfg)
	if len(got) != 1 || got[0].EndReason == nil || *got[0].EndReason != reason ||
		got[0].HungUpBy == nil || *got[0].HungUpBy != by || got[0].AnsweredAt == nil {
		t.Errorf("want one record that ended %s by %s, got %+v", reason, by, got)
	}
}

// spoil stores a policy that does not compile, past the service that would
// refuse it.
func spoil(t *testing.T, cfg *config.Config) {
	t.Helper()
	st, err := store.Open(t.Context(), cfg.Database.URL, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = st.EditPolicy(t.Context(), func(set *policy.Set) error {
		for _, name := range []string{"one", "two"} {
			trunk := policy.NewTrunk(name)
			trunk.TrunkID = "01a20464-b103-7cbf-8ddf-000000000" + name
			trunk.Sources = []string{"192.0.2.1/32", "neither an address nor a prefix"}
			set.Trunks = append(set.Trunks, trunk)
		}
		return nil
	})
	if err = errors.Join(err, st.Close()); err != nil {
		t.Fatal(err)
	}
}
