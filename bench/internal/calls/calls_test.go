package calls

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMessage(t *testing.T) {
	t.Parallel()
	m, ok := parse([]byte("SIP/2.0 180 Ringing\r\nRecord-Route: <sip:b>\r\nvia: x\r\nRecord-Route: <sip:a>\r\nCSeq: 1 INVITE\r\n\r\n"))
	if !ok || m.status() != 180 || m.method() != "INVITE" || m.first("Via") != "x" || !slices.Equal(m.all("Record-Route"), []string{"<sip:b>", "<sip:a>"}) {
		t.Errorf("read as %+v, %v", m, ok)
	}
	for _, bad := range []string{"", "\r\n\r\n", "SIP/2.0 200 OK\r\n", "GET / HTTP/1.1\r\n\r\n"} {
		if m, ok := parse([]byte(bad)); ok {
			t.Errorf("%q read as %+v", bad, m)
		}
	}
	for _, start := range []string{"INVITE sip:a SIP/2.0", "SIP/2.0 ", "SIP/2.0 abc"} {
		if got := (message{start: start}).status(); got != 0 {
			t.Errorf("%q has status %d", start, got)
		}
	}
	for address, want := range map[string]string{`"A" <sip:a@b;lr>;tag=1`: "sip:a@b;lr", "sip:a@b;tag=1": "sip:a@b"} {
		if got := uri(address); got != want {
			t.Errorf("the URI of %s is %s, want %s", address, got, want)
		}
	}
}

// open makes a generator whose caller calls its callee without a server.
func open(t *testing.T, hold time.Duration) *Generator {
	t.Helper()
	var addrs [2]string
	for i := range addrs {
		free, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		addrs[i] = free.LocalAddr().String()
		free.Close()
	}
	g, err := Open(Config{Caller: addrs[0], Callee: addrs[1], Target: addrs[1], Hold: hold})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

// Calls stay up until they are hung up.
func TestCalls(t *testing.T) {
	t.Parallel()
	g := open(t, 0)
	if err := g.Call(t.Context(), 50, 1000); err != nil {
		t.Fatal(err)
	}
	if f := g.Figures(); f != (Figures{Started: 50, Up: 50}) {
		t.Errorf("after the calls: %+v", f)
	}
	if d := g.Delays(); len(d) != 50 || d[0] <= 0 || d[49] > time.Second || !slices.IsSorted(d) {
		t.Errorf("delays are %v", d)
	}
	if err := g.HangUp(t.Context(), 1000); err != nil {
		t.Fatal(err)
	}
	if f := g.Figures(); f != (Figures{Started: 50, Ended: 50}) {
		t.Errorf("after the BYEs: %+v", f)
	}
}

// Calls with a duration end by themselves.
func TestHold(t *testing.T) {
	t.Parallel()
	g := open(t, 20*time.Millisecond)
	if err := g.Call(t.Context(), 5, 1000); err != nil {
		t.Fatal(err)
	}
	if err := g.Over(t.Context()); err != nil {
		t.Fatal(err)
	}
	if f := g.Figures(); f != (Figures{Started: 5, Ended: 5}) {
		t.Errorf("in the end: %+v", f)
	}
}

// What is not answered is sent again after 0.5, 1, 2, 4, 4, ... seconds.
func TestDue(t *testing.T) {
	t.Parallel()
	sent := time.Now()
	for repeats, want := range []time.Duration{t1, 2 * t1, 4 * t1, t2, t2, t2} {
		if due(sent, sent.Add(want-1), repeats) || !due(sent, sent.Add(want), repeats) {
			t.Errorf("after %d repeats it is not sent again after %s", repeats, want)
		}
	}
}

// A call that is refused, and one that nobody answers, have failed.
func TestFailures(t *testing.T) {
	t.Parallel()
	g := open(t, 0)
	g.callee.Close() // the callee is gone
	ctx, cancel := context.WithCancel(t.Context())
	called := make(chan error, 1)
	go func() { called <- g.Call(ctx, 2, 1000) }()
	if err := g.wait(t.Context(), func(f Figures) bool { return f.Started == 2 }); err != nil {
		t.Fatal(err)
	}
	g.atCaller(message{start: "SIP/2.0 503 No", lines: []string{"Call-ID: " + g.callID(1), "CSeq: 1 INVITE"}}, g.target, time.Now())
	g.mu.Lock()
	now := time.Now()
	for range repeatMost + 1 {
		now = now.Add(t2)
		for id, c := range g.outgoing {
			g.repeatRequest(id, c, now)
		}
	}
	g.mu.Unlock()
	if err := <-called; err != nil {
		t.Error(err)
	}
	cancel()
	f := g.Figures()
	if f.Failed != 2 || f.Up != 0 || f.Retransmitted < repeatMost || !strings.Contains(f.Reason, "no answer to INVITE") {
		t.Errorf("in the end: %+v", f)
	}
	if err := g.Call(ctx, 1, 1); err == nil {
		t.Error("a call after the end of the context")
	}
}
