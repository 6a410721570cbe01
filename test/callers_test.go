package test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"b2bua/internal/siptest"
	"b2bua/legs/sipmsg"
)

// A fate is what becomes of a call; the last digit of the called number says
// it to the called side.
type fate int

const (
	callerEnds fate = iota // answered, the caller hangs up
	calledEnds             // answered, the called side hangs up
	busy                   // 486
	abandoned              // rings, the caller gives up
	hunted                 // the first gateway answers 503, the second takes the call
	fates
)

// An entry is one call as its caller saw it.
type entry struct {
	fate            fate
	sipCallID       string
	called          string
	begun, answered time.Time // answered: the 200 came; zero is never
	ended           time.Time // BYE sent or answered, or the final response; zero is never
	status          int       // final response to the INVITE; 0 is none
	hungUp          bool      // the BYE was answered
	fault           string    // what went otherwise than its fate
}

// A taking is one INVITE as the called side took it.
type taking struct {
	gateway   string // host:port
	sipCallID string
	called    string
	status    int // what it answered
}

// A ledger is what the clients of a server write down: every call, and every
// attempt that reached a gateway.
type ledger struct {
	t      testing.TB
	caller *wire
	called [2]*wire // the gateways, in the order of their priority

	mu      sync.Mutex
	calls   []*entry
	takings []taking
	next    int
}

// newLedger puts callers and gateways around a server and makes its policy.
func newLedger(t testing.TB, s *server) *ledger {
	t.Helper()
	l := &ledger{t: t}
	l.caller = newWire(t, s.ip(2), s.ip(1)+":5060", nil)
	for i := range l.called {
		l.called[i] = newWire(t, s.ip(3+i), s.ip(1)+":5060", func(p *party, m *sipmsg.Message) { l.take(p, i, m) })
	}
	return l
}

// load begins so many calls a second until stop is closed, and returns when the
// last one has ended.
func (l *ledger) load(perSecond int, stop <-chan struct{}) {
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	var calls sync.WaitGroup
	for {
		select {
		case <-tick.C:
			calls.Go(l.call)
		case <-stop:
			calls.Wait()
			return
		}
	}
}

// call makes one call and writes it down.
func (l *ledger) call() {
	l.mu.Lock()
	n := l.next
	l.next++
	e := &entry{fate: fate(n % int(fates)), begun: time.Now()}
	e.sipCallID = fmt.Sprintf("ledger-%d@%s", n, l.caller.addr())
	e.called = fmt.Sprintf("1%06d%d", n, e.fate)
	l.calls = append(l.calls, e)
	l.mu.Unlock()
	p := l.caller.join(e.sipCallID)
	seen := *e
	l.place(p, &seen)
	l.mu.Lock()
	*e = seen
	l.mu.Unlock()
	p.leave()
}

// place is the caller's side of a call.
func (l *ledger) place(p *party, e *entry) {
	uri := "sip:" + e.called + "@" + p.to.String()
	invite := &sipmsg.Message{
		Method: "INVITE", RequestURI: uri, Vias: p.via(), CallID: e.sipCallID, CSeq: 1, MaxForwards: 70,
		From: p.address("<sip:2000@" + p.addr() + ">;tag=c" + e.called), To: p.address("<" + uri + ">"),
		Contacts:    []sipmsg.Address{p.address("<sip:2000@" + p.addr() + ">")},
		ContentType: "application/sdp", Body: siptest.SDP(netip.MustParseAddrPort(p.addr())),
	}
	p.insist(invite)
	if e.fate == abandoned {
		p.await(time.After(40*time.Second), func(m *sipmsg.Message) bool {
			p.quiet()
			return m.Status >= 180
		})
		p.idle(time.Duration(rand.IntN(500)) * time.Millisecond)
		cancel := *invite
		cancel.Method, cancel.Contacts, cancel.Body, cancel.ContentType = "CANCEL", nil, nil, ""
		p.insist(&cancel)
	}
	final := p.final("INVITE")
	if final == nil {
		e.fault = "no final response"
		return
	}
	e.status = final.Status
	if final.Status >= 300 {
		ack := *invite
		ack.Method, ack.To, ack.Contacts, ack.Body, ack.ContentType = "ACK", final.To, nil, nil, ""
		p.say(&ack)
		e.ended = time.Now()
		e.check(map[fate]int{busy: 486, abandoned: 487}[e.fate])
		return
	}
	e.answered = time.Now()
	p.say(p.within("ACK", 1, invite, final))
	e.check(map[fate]int{callerEnds: 200, calledEnds: 200, hunted: 200}[e.fate])
	l.end(p, e, invite, final)
}

func (e *entry) check(want int) {
	if e.status != want {
		e.fault = fmt.Sprintf("status %d, want %d", e.status, want)
	}
}

// end ends an answered call, or waits for its end.
func (l *ledger) end(p *party, e *entry, invite, ok *sipmsg.Message) {
	if e.fate == calledEnds {
		bye := p.hears("BYE")
		if bye == nil {
			e.fault = "no BYE"
			return
		}
		p.say(sipmsg.NewResponse(bye, 200, "", ""))
		e.ended, e.hungUp = time.Now(), true
		return
	}
	p.idle(time.Duration(200+rand.IntN(1500)) * time.Millisecond)
	e.ended = time.Now()
	p.insist(p.within("BYE", 2, invite, ok))
	final := p.final("BYE")
	if final == nil || final.Status != 200 {
		e.fault = "the BYE is not answered with 200"
		return
	}
	e.hungUp = true
}

// take is the called side of an attempt.
func (l *ledger) take(p *party, gateway int, invite *sipmsg.Message) {
	defer p.leave()
	_, digits, _ := strings.Cut(invite.RequestURI, ":")
	digits, _, _ = strings.Cut(digits, "@")
	f := fate(digits[len(digits)-1] - '0')
	status := 200
	switch {
	case f == busy:
		status = 486
	case f == abandoned:
		status = 487
	case f == hunted && gateway == 0:
		status = 503
	}
	l.mu.Lock()
	l.takings = append(l.takings, taking{p.addr(), invite.CallID, digits, status})
	l.mu.Unlock()

	reply := func(status int) *sipmsg.Message {
		m := sipmsg.NewResponse(invite, status, "", "s"+digits)
		m.Contacts = []sipmsg.Address{p.address("<sip:called@" + p.addr() + ">")}
		if status == 200 {
			m.ContentType, m.Body = "application/sdp", siptest.SDP(netip.MustParseAddrPort(p.addr()))
		}
		return m
	}
	if status != 503 {
		p.say(reply(180))
	}
	if status == 200 || status == 486 {
		p.idle(time.Duration(5+rand.IntN(50)) * time.Millisecond)
	}
	if status == 487 {
		cancel := p.hears("CANCEL")
		if cancel == nil {
			return
		}
		p.say(sipmsg.NewResponse(cancel, 200, "", "s"+digits))
	}
	final := reply(status)
	p.insist(final)
	if p.hears("ACK") == nil {
		return
	}
	p.quiet()
	if status == 200 {
		p.hold(f, invite, final)
	}
}

// hold is an answered call until its end.
func (p *party) hold(f fate, invite, ok *sipmsg.Message) {
	if f != calledEnds {
		if bye := p.hears("BYE"); bye != nil {
			p.say(sipmsg.NewResponse(bye, 200, "", ""))
		}
		return
	}
	p.idle(time.Duration(200+rand.IntN(1500)) * time.Millisecond)
	p.insist(&sipmsg.Message{
		Method: "BYE", RequestURI: invite.Contacts[0].URI.String(), Vias: p.via(), From: ok.To, To: invite.From,
		CallID: invite.CallID, CSeq: 1, MaxForwards: 70,
	})
	p.final("BYE")
}
