package legs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"b2bua/legs/sipmsg"
)

// A talk is a confirmed dialog of either kind of leg, and how to move its
// re-INVITEs.
type talk struct {
	t       *testing.T
	s       *usage
	n       uint32 // CSeq of the peer's last INVITE
	receive func(*script, *sipmsg.Message)
	says    func(method string, cseq uint32) *sipmsg.Message
	reread  func()
}

func talks(t *testing.T) map[string]*talk {
	t.Helper()
	in, out := newUAS(t), newUAC(t)
	for _, m := range []Input{InAnswer, InAck} {
		in.move(m)
		out.move(m)
	}
	return map[string]*talk{
		"inbound": {
			t: t, s: &in.s.usage, n: 7, receive: in.s.receive, says: in.says,
			reread: func() { reread(t, &in.s) },
		},
		"outbound": {
			t: t, s: &out.s.usage, n: 7, receive: out.s.receive, reread: func() { reread(t, &out.s) },
			says: func(method string, cseq uint32) *sipmsg.Message { return out.says(method, cseq, "g") },
		},
	}
}

// told is a response of the peer's to our re-INVITE.
func (k *talk) told(status int) *sipmsg.Message {
	cseq := uint32(99)
	if k.s.Asking != nil {
		cseq = k.s.Asking.CSeq
	}
	return &sipmsg.Message{
		Status: status, Method: "INVITE", CSeq: cseq, To: sipmsg.Address{Raw: k.s.Dialog.RemoteParty},
	}
}

func (k *talk) asked() State {
	if k.s.Asked == nil {
		return Idle
	}
	return k.s.Asked.State
}

func (k *talk) asking() State {
	if k.s.Asking == nil {
		return Idle
	}
	return k.s.Asking.State
}

// theirs moves the peer's re-INVITE.
func (k *talk) theirs(in Input) string {
	k.t.Helper()
	did, _ := step(k.t, dawn, func(out *script) {
		switch in {
		case InInvite:
			k.n++
			k.receive(out, k.says("INVITE", k.n))
		case InAnswer:
			k.s.reanswer(out, Body{Type: "application/sdp", Data: []byte("v=0")})
		case InRefuse:
			k.s.rerefuse(out, 488, nil)
		case InCancel:
			k.receive(out, k.says("CANCEL", k.n))
		case InAck:
			k.receive(out, k.says("ACK", k.n))
			k.s.askedOver(out) // its transaction says so of a refusal
		case InHangup:
			k.s.drop(out)
		case InAckLost:
			if k.s.Asked != nil {
				out.now = k.s.Asked.Answer.Until
			}
			k.s.askedFire(out)
		default:
			k.t.Fatalf("%v is not for the peer's", in)
		}
	})
	return did
}

// ours moves a re-INVITE of ours.
func (k *talk) ours(in Input) string {
	k.t.Helper()
	did, _ := step(k.t, dawn, func(out *script) {
		switch in {
		case InReoffer: // before the ACK, so that it waits
			was := k.s.State
			k.s.State = Answered
			k.s.reoffer(out, Body{Type: "application/sdp", Data: []byte("v=0")})
			k.s.State = was
		case InTurn:
			if k.s.Asking != nil && !k.s.Asking.Turn.IsZero() {
				out.now = k.s.Asking.Turn
				k.s.askingFire(out)
				return
			}
			k.s.turn(out)
		case InInvite:
			k.n++
			k.receive(out, k.says("INVITE", k.n))
		case InProgress, InAnswer, InRefuse, InPending, InLost:
			status := map[Input]int{InProgress: 180, InAnswer: 200, InRefuse: 488, InPending: 491, InLost: 481}[in]
			k.s.retold(out, k.told(status))
		case InCancel:
			k.s.withdraw(out)
		case InAck:
			k.s.acknowledged(out, Body{})
		case InRangOut:
			if k.s.Asking != nil {
				k.s.askingRangOut(out, k.s.Asking.CSeq)
			}
		case InHangup:
			k.s.drop(out)
			k.s.State = Terminating
		default:
			k.t.Fatalf("%v is not for ours", in)
		}
	})
	return did
}

var askedPaths = map[State][]Input{
	Idle:     {},
	Trying:   {InInvite},
	Answered: {InInvite, InAnswer},
	Refusing: {InInvite, InRefuse},
}

var askingPaths = map[State][]Input{
	Idle:          {},
	Waiting:       {InReoffer, InTurn, InPending},
	Trying:        {InReoffer, InTurn},
	Early:         {InReoffer, InTurn, InProgress},
	CancelPending: {InReoffer, InTurn, InCancel},
	Cancelling:    {InReoffer, InTurn, InProgress, InCancel},
	Answered:      {InReoffer, InTurn, InAnswer},
	Terminating:   {InReoffer, InTurn, InHangup},
}

// Every edge of the machines of re-INVITEs, on both kinds of leg, from a state
// that has been written down and read back.
func TestEveryEdgeOfReinvites(t *testing.T) {
	t.Parallel()
	theirs := []Input{InInvite, InAnswer, InRefuse, InAck, InCancel, InHangup, InAckLost}
	ours := []Input{
		InReoffer, InTurn, InInvite, InProgress, InAnswer, InRefuse, InPending, InLost, InCancel, InAck, InRangOut, InHangup,
	}
	for _, side := range []string{"inbound", "outbound"} {
		for from, path := range askedPaths {
			for _, in := range theirs {
				k := talks(t)[side]
				for _, m := range path {
					k.theirs(m)
					k.reread()
				}
				check(t, askedEdges, from, in, k.asked(), func() (string, State) { return k.theirs(in), k.asked() })
			}
		}
		for from, path := range askingPaths {
			for _, in := range ours {
				k := talks(t)[side]
				for _, m := range path {
					k.ours(m)
					k.reread()
				}
				check(t, askingEdges, from, in, k.asking(), func() (string, State) {
					did := k.ours(in)
					if in == InInvite { // what comes of the peer's is another machine's
						did = strings.TrimSuffix(strings.TrimSuffix(did, "100 to INVITE, reoffered"), ", ")
					}
					if in == InReoffer && from != Idle { // refused: one at a time
						did = strings.TrimSuffix(did, "rerefused")
					}
					if in == InInvite && from == Terminating {
						did = strings.TrimSuffix(did, "481 to INVITE")
					}
					return did, k.asking()
				})
			}
		}
	}
	complete(t, askedEdges, askedPaths, theirs)
	complete(t, askingEdges, askingPaths, ours)
}

// RFC 3261 §14.1: after 491 the owner of the Call-ID waits 2.1 to 4 s, the other
// side up to 2 s, in units of 10 ms, and not for ever.
func TestGlareWaits(t *testing.T) {
	t.Parallel()
	for side, bounds := range map[string][2]time.Duration{
		"inbound": {0, 2 * time.Second}, "outbound": {2100 * time.Millisecond, 4 * time.Second},
	} {
		seen := map[time.Duration]bool{}
		for n := range 40 {
			k := talks(t)[side]
			k.s.Seed = seedOf(byte(n))
			k.ours(InReoffer)
			for tries := 0; ; tries++ {
				if did := k.ours(InTurn); did != "INVITE" {
					t.Fatalf("%s: %q", side, did)
				}
				if did := k.ours(InPending); tries == maxGlares {
					if did != "rerefused" || k.s.Asking != nil {
						t.Fatalf("%s: %q after %d", side, did, tries)
					}
					break
				}
				wait := k.s.Asking.Turn.Sub(dawn)
				if wait < bounds[0] || wait > bounds[1] || wait%(10*time.Millisecond) != 0 {
					t.Fatalf("%s waits %v", side, wait)
				}
				seen[wait] = true
			}
		}
		if len(seen) < 50 {
			t.Errorf("%s: %d waits in %d", side, len(seen), 40*maxGlares)
		}
	}
}

// A target refresh holds once it is accepted, whoever asked for it; the route
// set never changes (RFC 3261 §12.2).
func TestTargetRefresh(t *testing.T) {
	t.Parallel()
	for side, k := range talks(t) {
		before, routes := k.s.Dialog.RemoteTarget, fmt.Sprint(k.s.Dialog.Routes)
		moved := func(m *sipmsg.Message, to string) *sipmsg.Message {
			a, err := sipmsg.ParseAddress("<" + to + ">")
			if err != nil {
				t.Fatal(err)
			}
			m.Contacts = []sipmsg.Address{a}
			m.RecordRoutes = []sipmsg.Address{{Raw: "<sip:late.example;lr>"}}
			return m
		}
		ask := func(to string) {
			step(t, dawn, func(out *script) {
				k.n++
				k.receive(out, moved(k.says("INVITE", k.n), to))
			})
		}
		ask("sip:refused@203.0.113.1")
		k.theirs(InRefuse)
		if k.s.Dialog.RemoteTarget != before {
			t.Errorf("%s: a refused re-INVITE moved the peer to %s", side, k.s.Dialog.RemoteTarget)
		}
		k.theirs(InAck)
		ask("sip:asked@203.0.113.2")
		k.theirs(InAnswer)
		k.theirs(InAck)
		if got := k.s.Dialog.RemoteTarget; got != "sip:asked@203.0.113.2" {
			t.Errorf("%s: target %s", side, got)
		}
		k.ours(InReoffer)
		k.ours(InTurn)
		step(t, dawn, func(out *script) { k.s.retold(out, moved(k.told(200), "sip:told@203.0.113.3")) })
		_, acts := step(t, dawn, func(out *script) { k.s.acknowledged(out, Body{}) })
		if got := parseRaw(t, acts[0].raw).RequestURI; got != "sip:told@203.0.113.3" || k.s.Dialog.RemoteTarget != got {
			t.Errorf("%s: ACK to %s", side, got)
		}
		if fmt.Sprint(k.s.Dialog.Routes) != routes {
			t.Errorf("%s: routes %v", side, k.s.Dialog.Routes)
		}
	}
}
