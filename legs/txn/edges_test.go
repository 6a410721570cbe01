package txn_test

import (
	"slices"
	"testing"
	"time"

	"b2bua/legs/txn"
)

// subject is what the four machines have in common, for the tests.
type subject interface {
	state() txn.State
	clock() txn.Clock
	do(input string, now time.Time) (res txn.Result, applies bool)
}

type client struct{ txn.Client }

func (c *client) state() txn.State { return c.State }
func (c *client) clock() txn.Clock { return c.Clock }

func (c *client) do(input string, now time.Time) (txn.Result, bool) {
	switch input {
	case "receive 100":
		return c.Receive(100, now), true
	case "receive 180":
		return c.Receive(180, now), true
	case "receive 200":
		return c.Receive(200, now), true
	case "receive 302":
		return c.Receive(302, now), true
	case "receive 486":
		return c.Receive(486, now), true
	case "receive 603":
		return c.Receive(603, now), true
	case "receive 99":
		return c.Receive(99, now), true
	case "receive 700":
		return c.Receive(700, now), true
	case "cancelled":
		return c.Cancelled(now), true
	case "fail":
		return c.Fail(now), true
	}
	return fire(c, input, c.Fire)
}

type server struct{ txn.Server }

func (s *server) state() txn.State { return s.State }
func (s *server) clock() txn.Clock { return s.Clock }

func (s *server) do(input string, now time.Time) (txn.Result, bool) {
	switch input {
	case "request":
		return s.Receive(s.Method, now), true
	case "ACK":
		return s.Receive("ACK", now), true
	case "stranger":
		return s.Receive("INFO", now), true
	case "respond 99":
		return s.Respond(99, []byte("?"), now), true
	case "respond 700":
		return s.Respond(700, []byte("?"), now), true
	case "respond 100":
		return s.Respond(100, []byte("100"), now), true
	case "respond 183":
		return s.Respond(183, []byte("183"), now), true
	case "respond 200":
		return s.Respond(200, []byte("200"), now), true
	case "respond 300":
		return s.Respond(300, []byte("300"), now), true
	case "respond 699":
		return s.Respond(699, []byte("699"), now), true
	case "fail":
		return s.Fail(now), true
	}
	return fire(s, input, s.Fire)
}

// fire runs a timer at the instant it is due, or does not apply when it is not
// running.
func fire(s subject, input string, run func(time.Time) txn.Result) (txn.Result, bool) {
	var at time.Time
	switch input {
	case "resend":
		at = s.clock().ResendAt
	case "expire":
		at = s.clock().ExpireAt
	case "too early":
		c := s.clock()
		if c.ResendAt.IsZero() && c.ExpireAt.IsZero() {
			return txn.Result{}, false
		}
		return run(epoch), true
	}
	if at.IsZero() {
		return txn.Result{}, false
	}
	return run(at), true
}

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var clientInputs = []string{
	"receive 99", "receive 100", "receive 180", "receive 200", "receive 302", "receive 486", "receive 603",
	"receive 700", "cancelled", "fail", "resend", "expire", "too early",
}

var serverInputs = []string{
	"request", "ACK", "stranger", "respond 99", "respond 100", "respond 183", "respond 200", "respond 300",
	"respond 699", "respond 700", "fail", "resend", "expire", "too early",
}

// outcome is where an input leads and what it makes the owner do.
type outcome struct {
	to txn.State
	do txn.Action
}

// machineCase is one machine: how to come to each of its states, and everything
// that is legal there. What is not listed must change nothing.
type machineCase struct {
	name   string
	start  func() subject
	inputs []string
	paths  map[txn.State][]string
	legal  map[txn.State]map[string]outcome
}

func newClient(kind txn.Kind, method string, reliable bool) *client {
	c, _ := txn.NewClient(kind, method, "z9hG4bKx", []byte("request"), reliable, epoch, nil)
	return &client{c}
}

func newServer(kind txn.Kind, method string, reliable bool) *server {
	s, _ := txn.NewServer(kind, method, reliable, epoch, nil)
	return &server{s}
}

func TestEveryEdge(t *testing.T) {
	t.Parallel()
	cases := []machineCase{
		inviteClientCase(false), inviteClientCase(true),
		nonInviteClientCase(false), nonInviteClientCase(true),
		inviteServerCase(false), inviteServerCase(true),
		nonInviteServerCase(false), nonInviteServerCase(true),
	}
	for _, mc := range cases {
		t.Run(mc.name, func(t *testing.T) {
			t.Parallel()
			for state, path := range mc.paths {
				for _, input := range mc.inputs {
					checkEdge(t, mc, state, path, input)
				}
			}
			for state := range mc.legal {
				if _, ok := mc.paths[state]; !ok {
					t.Errorf("no path to %v", state)
				}
			}
		})
	}
}

func checkEdge(t *testing.T, mc machineCase, state txn.State, path []string, input string) {
	t.Helper()
	s := mc.start()
	now := epoch
	for _, in := range path {
		now = now.Add(time.Millisecond)
		if _, ok := s.do(in, now); !ok {
			t.Fatalf("%v: %s does not apply on the path %v", state, in, path)
		}
	}
	if s.state() != state {
		t.Fatalf("path %v leads to %v, want %v", path, s.state(), state)
	}
	before := s.clock()
	res, applies := s.do(input, now.Add(time.Millisecond))
	want, legal := mc.legal[state][input]
	switch {
	case !applies:
		if legal {
			t.Errorf("%v: %q: its timer does not run", state, input)
		}
		return
	case !legal:
		if want = (outcome{to: state}); s.clock() != before {
			t.Errorf("%v: %q is not legal and moved the timers", state, input)
		}
	}
	if s.state() != want.to || res.Do != want.do {
		t.Errorf("%v: %q: got %v (%v), want %v (%v)", state, input, s.state(), res.Do, want.to, want.do)
	}
	if wake := earlier(s.clock()); !res.Wake.Equal(wake) {
		t.Errorf("%v: %q: wake %v, want %v", state, input, res.Wake, wake)
	}
	if s.state() == txn.Terminated && !res.Wake.IsZero() {
		t.Errorf("%v: %q: a terminated transaction wants to wake", state, input)
	}
}

func earlier(c txn.Clock) time.Time {
	at := []time.Time{c.ResendAt, c.ExpireAt}
	at = slices.DeleteFunc(at, time.Time.IsZero)
	if len(at) == 0 {
		return time.Time{}
	}
	return slices.MinFunc(at, time.Time.Compare)
}

func suffix(reliable bool) string {
	if reliable {
		return " over TCP"
	}
	return " over UDP"
}
