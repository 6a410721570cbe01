package rtprelay

import (
	"testing"
	"time"
)

// timed is a rig with a settable clock and one talking pair.
type timed struct {
	*rig
	clock      *clock
	session    *Session
	a, b       *Stream
	alice, bob *phone
}

func newTimed(t *testing.T, timeout time.Duration) *timed {
	t.Helper()
	tm := &timed{clock: &clock{}}
	tm.rig = newRig(t, newPoller, tm.clock.use)
	tm.session, tm.a, tm.b = tm.rig.session(SessionConfig{Ref: 5, Index: 1, Timeout: timeout})
	tm.alice, tm.bob = newPhone(t, newHost()), newPhone(t, newHost())
	return tm
}

// talk sends one packet each way and swallows the Latched events of the first.
func (tm *timed) talk() {
	tm.t.Helper()
	fresh := !tm.a.Stats().Latched
	expect(tm.t, tm.bob.rtp, tm.alice.talk(tm.a), tm.b.LocalRTP())
	expect(tm.t, tm.alice.rtp, tm.bob.talk(tm.b), tm.a.LocalRTP())
	if fresh {
		tm.event(Latched)
		tm.event(Latched)
	}
}

// quietUntil moves the clock and fails if that raises a Timeout.
func (tm *timed) quietUntil(at time.Duration) {
	tm.t.Helper()
	tm.clock.move(at)
	tm.settle()
	tm.settle() // deadlines are looked at after the orders of a step
	tm.noEvent()
}

// timesOut moves the clock and wants a Timeout there.
func (tm *timed) timesOut(at time.Duration) {
	tm.t.Helper()
	tm.clock.move(at)
	tm.settle()
	e := tm.event(Timeout)
	if e.Ref != 5 || e.Index != 1 || e.Stream != nil || !e.At.Equal(tm.start.Add(at)) {
		tm.t.Errorf("event %+v, want ref 5, index 1, no stream, at %v", e, at)
	}
}

func TestTimeoutWhenBothAreSilent(t *testing.T) {
	t.Parallel()
	tm := newTimed(t, 60*time.Second)
	tm.a.SetRemote(tm.alice.remote())
	tm.b.SetRemote(tm.bob.remote())
	tm.talk()
	tm.quietUntil(50 * time.Second)
	tm.talk()
	tm.quietUntil(109 * time.Second)
	tm.timesOut(110 * time.Second)
	tm.quietUntil(1000 * time.Second) // once
}

func TestTimeoutCountsFromTheAnswer(t *testing.T) {
	t.Parallel()
	tm := newTimed(t, 60*time.Second)
	tm.a.SetRemote(tm.alice.remote())
	tm.quietUntil(300 * time.Second) // ringing: nobody to hear yet
	tm.b.SetRemote(tm.bob.remote())
	tm.quietUntil(359 * time.Second)
	tm.timesOut(360 * time.Second)
}

func TestOneTalkingSideIsEnough(t *testing.T) {
	t.Parallel()
	tm := newTimed(t, 10*time.Second)
	tm.a.SetRemote(tm.alice.remote())
	tm.b.SetRemote(tm.bob.remote())
	for at := time.Duration(0); at < 60*time.Second; at += 9 * time.Second {
		tm.clock.move(at)
		expect(t, tm.bob.rtp, tm.alice.talk(tm.a), tm.b.LocalRTP())
	}
	tm.event(Latched)
	tm.noEvent()
	for at := 60 * time.Second; at < 120*time.Second; at += 9 * time.Second {
		tm.clock.move(at)
		expect(t, tm.bob.rtcp, tm.alice.report(tm.alice.rtcp, tm.a.LocalRTCP()), tm.b.LocalRTCP()) // RTCP counts
	}
	tm.noEvent()
	tm.timesOut(124 * time.Second) // 114 + 10
}

func TestStrangersDoNotKeepACallAlive(t *testing.T) {
	t.Parallel()
	tm := newTimed(t, 10*time.Second)
	tm.a.SetRemote(tm.alice.remote())
	tm.b.SetRemote(tm.bob.remote())
	tm.clock.move(9 * time.Second)
	newPhone(t, newHost()).talk(tm.a)
	tm.event(Conflict)
	tm.timesOut(10 * time.Second)
}

func TestHoldStopsTheTimeout(t *testing.T) {
	t.Parallel()
	tm := newTimed(t, 60*time.Second)
	held := tm.bob.remote(func(r *Remote) { r.Recv = false })
	tm.a.SetRemote(tm.alice.remote())
	tm.b.SetRemote(tm.bob.remote())
	tm.talk()
	tm.clock.move(30 * time.Second)
	tm.b.SetRemote(held)
	tm.quietUntil(3600 * time.Second)
	tm.b.SetRemote(tm.bob.remote())
	tm.quietUntil(3659 * time.Second)
	tm.timesOut(3660 * time.Second)
}

func TestRefreshDoesNotPostponeTheTimeout(t *testing.T) {
	t.Parallel()
	tm := newTimed(t, 60*time.Second)
	tm.a.SetRemote(tm.alice.remote())
	tm.b.SetRemote(tm.bob.remote())
	tm.clock.move(50 * time.Second)
	tm.b.SetRemote(tm.bob.remote())
	tm.session.Join(tm.b, tm.a)
	tm.timesOut(60 * time.Second)
}

// A peer that has moved gets the whole time to be heard from there.
func TestNewAddressStartsTheTimeoutAgain(t *testing.T) {
	t.Parallel()
	tm := newTimed(t, 60*time.Second)
	tm.a.SetRemote(tm.alice.remote())
	tm.b.SetRemote(tm.bob.remote())
	tm.clock.move(50 * time.Second)
	tm.b.SetRemote(newPhone(t, newHost()).remote())
	tm.quietUntil(109 * time.Second)
	tm.timesOut(110 * time.Second)
}

func TestCutStreamsDoNotTimeOut(t *testing.T) {
	t.Parallel()
	tm := newTimed(t, 60*time.Second)
	tm.a.SetRemote(tm.alice.remote())
	tm.b.SetRemote(tm.bob.remote())
	tm.session.Join(tm.a, nil)
	tm.quietUntil(600 * time.Second)
	tm.session.Join(tm.a, tm.b)
	tm.quietUntil(659 * time.Second)
	tm.b.Close()
	tm.quietUntil(700 * time.Second)
}

func TestSetTimeout(t *testing.T) {
	t.Parallel()
	tm := newTimed(t, 0)
	tm.a.SetRemote(tm.alice.remote())
	tm.b.SetRemote(tm.bob.remote())
	tm.quietUntil(100 * time.Second)
	tm.session.SetTimeout(20 * time.Second)
	tm.quietUntil(119 * time.Second)
	tm.timesOut(120 * time.Second)
	tm.session.SetTimeout(30 * time.Second) // armed again
	tm.timesOut(150 * time.Second)
	tm.session.SetTimeout(30 * time.Second)
	tm.session.SetTimeout(0)
	tm.quietUntil(500 * time.Second)
	tm.session.SetTimeout(30 * time.Second)
	tm.session.Close()
	tm.quietUntil(900 * time.Second)
}

// With the real clock, the worker must wake by itself.
func TestTimeoutInRealTime(t *testing.T) {
	t.Parallel()
	eachPoller(t, func(t *testing.T, newPoller func() (poller, error)) {
		g := newRig(t, newPoller)
		began := time.Now()
		_, a, b := g.session(SessionConfig{Ref: 1, Timeout: 30 * time.Millisecond})
		a.SetRemote(newPhone(t, newHost()).remote())
		b.SetRemote(newPhone(t, newHost()).remote())
		e := g.event(Timeout)
		if waited := time.Since(began); waited < 30*time.Millisecond {
			t.Errorf("timed out after %v, want 30ms or more", waited)
		}
		if e.At.Before(began) || e.At.After(time.Now()) {
			t.Errorf("at %v, want between %v and now", e.At, began)
		}
	})
}

// A Timeout that finds the ring full is not lost: it would leave a call for ever.
func TestTimeoutIsTriedAgain(t *testing.T) {
	t.Parallel()
	var ticks clock
	gate := make(chan struct{})
	entered := make(chan struct{}, 16)
	got := make(chan Event, 16)
	g := newRig(t, newPoller, ticks.use, func(c *Config) {
		c.EventQueue, c.Workers = 1, 1
		c.Events = func(batch []Event) {
			entered <- struct{}{}
			<-gate
			send(got, batch)
		}
	})
	const sessions = 4
	for ref := range sessions {
		_, a, b := g.session(SessionConfig{Ref: uint64(ref), Timeout: 10 * time.Second})
		a.SetRemote(Remote{RTP: signalledRTP, Recv: true})
		b.SetRemote(Remote{RTP: signalledRTP, Recv: true})
	}
	ticks.move(10 * time.Second)
	g.settle()
	<-entered // the first is being delivered and holds up the rest
	g.settle()
	g.settle()
	close(gate)
	seen := map[uint64]bool{}
	for len(seen) < sessions {
		ticks.move(ticks.now() + timeoutRetry)
		g.settle()
		select {
		case e := <-got:
			if seen[e.Ref] {
				t.Fatalf("session %d timed out twice", e.Ref)
			}
			seen[e.Ref] = true
		default:
		}
		select {
		case <-entered:
		default:
		}
	}
}
