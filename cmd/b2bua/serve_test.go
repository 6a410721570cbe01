package main

import (
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"b2bua/cdr"
	"b2bua/internal/siptest"
)

// SIGTERM drains: no new calls, and the end comes when the last call ends.
func TestDrain(t *testing.T) {
	t.Parallel()
	p := serving(t, demoConfig(t.TempDir()))
	called := siptest.New(t, "127.0.0.1:0")
	route(p.api, called)
	k := dial(t, p.sip, called)
	if status, body := p.api.do("GET", "/readyz", ""); status != 200 {
		t.Errorf("readyz before: %d %s", status, body)
	}
	p.signals <- syscall.SIGTERM
	p.await("stopping")
	until(t, func() bool { status, _ := p.api.do("GET", "/readyz", ""); return status == 503 })
	if status, body := p.api.do("GET", "/livez", ""); status != 200 {
		t.Errorf("livez while draining: %d %s", status, body)
	}
	late := k.caller.Invite("sip:1@"+p.sip.String(), "1000", "late", siptest.SDP(k.caller.Addr()))
	k.caller.Send(p.sip, late)
	k.caller.Send(p.sip, k.caller.Ack(late, k.caller.Await("503 INVITE")))
	if calls := p.api.must("GET", "/v1/calls", ""); !strings.Contains(calls, `"33123456789"`) {
		t.Errorf("the call is gone: %s", calls)
	}
	select {
	case <-p.done:
		t.Fatalf("ended with a call up: %v", p.err)
	default:
	}
	k.caller.Send(p.sip, k.caller.Request("BYE", 2, k.invite, k.ok))
	k.called.Send(p.sip, k.called.Respond(k.called.Await("BYE"), 200, "", nil))
	if err := p.ended(); err != nil {
		t.Error(err)
	}
	ended(t, p.cfg, cdr.EndCompleted, cdr.ByCaller)
}

// until waits for what a request that is under way will bring about.
func until(t *testing.T, holds func() bool) {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatal("it does not come about")
		}
	}
}

// Ways to end calls: at once, by a second signal, by the end of drain_timeout.
func TestEndCalls(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		signals []syscall.Signal
		drain   time.Duration
	}{
		"SIGINT":                  {[]syscall.Signal{syscall.SIGINT}, time.Hour},
		"SIGTERM twice":           {[]syscall.Signal{syscall.SIGTERM, syscall.SIGTERM}, time.Hour},
		"SIGTERM, SIGINT, SIGINT": {[]syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGINT}, time.Hour},
		"drain_timeout":           {[]syscall.Signal{syscall.SIGTERM}, 50 * time.Millisecond},
		"no drain_timeout":        {[]syscall.Signal{syscall.SIGTERM}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := demoConfig(t.TempDir())
			cfg.DrainTimeout = tt.drain
			p := serving(t, cfg)
			called := siptest.New(t, "127.0.0.1:0")
			route(p.api, called)
			k := dial(t, p.sip, called)
			for _, s := range tt.signals {
				p.signals <- s
			}
			k.hungUp(p.sip)
			if err := p.ended(); err != nil {
				t.Error(err)
			}
			ended(t, cfg, cdr.EndShutdown, cdr.BySystem)
		})
	}
}

// A signal while a server starts ends it, however long the start would take.
func TestInterruptedStart(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	cfg := demoConfig(t.TempDir())
	cfg.Database.URL = "postgres://b2bua@" + silent.Addr().String() + "/b2bua?sslmode=disable&connect_timeout=600"
	p := begin(t, cfg)
	conn, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p.signals <- syscall.SIGINT
	if err := p.ended(); err == nil || !strings.Contains(err.Error(), "interrupt while starting") {
		t.Errorf("error %v", err)
	}
}
