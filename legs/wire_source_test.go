package legs_test

import (
	"testing"

	"b2bua/internal/siptest"
	"b2bua/legs"
	"b2bua/policy"
)

// Who may speak inside a dialog, by the trunk's in_dialog_source. The peers are
// the caller's own flow, another port of its address, another address of its
// trunk, another trunk, and a stranger.
func TestInDialogSource(t *testing.T) {
	t.Parallel()
	tests := map[string][]bool{
		policy.SourceTrunk: {true, true, true, false, false},
		policy.SourceFlow:  {true, false, false, false, false},
		policy.SourceAny:   {true, true, true, true, true},
	}
	for source, may := range tests {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(r *rig, _ *legs.Config) { r.source = source })
			peers := []*siptest.Peer{r.caller, siptest.New(t, callerIP), siptest.New(t, siblingIP), siptest.New(t, thirdIP), siptest.New(t, strangerIP)}
			invite, ok, _ := r.answered("source-1")
			denied := 0
			for i, p := range peers {
				m := p.Request("INFO", uint32(10+i), invite, ok)
				p.Send(r.server, m)
				if may[i] {
					p.Expect("405 INFO")
				} else {
					denied++
				}
			}
			// A denied BYE ends nothing, and neither does it move the CSeq.
			for i, p := range peers {
				if !may[i] {
					p.Send(r.server, p.Request("BYE", 100, invite, ok))
					denied++
				}
			}
			r.caller.Send(r.server, r.caller.Request("OPTIONS", 20, invite, ok))
			r.caller.Expect("200 OPTIONS")
			for i, p := range peers {
				if !may[i] {
					p.Silent()
				}
			}
			if n := r.count("b2bua_sip_strays_total", "source"); n != denied {
				t.Errorf("%d counted, want %d", n, denied)
			}
			r.host.none()
			last := peers[0]
			for i, p := range peers {
				if may[i] {
					last = p
				}
			}
			last.Send(r.server, last.Request("BYE", 21, invite, ok))
			last.Expect("200 BYE")
			r.host.expect(legs.Bye)
			r.host.expect(legs.Ended)
		})
	}
}

// CANCEL and both kinds of ACK are held to the same rule.
func TestCancelAndAckFromAThirdAddress(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	third := siptest.New(t, thirdIP)
	invite, in := r.call("source-2")
	third.Send(r.server, third.Cancel(invite))
	r.fence(third, r.server)
	r.on(in.shard, func(*legs.Core) {})
	r.host.none()
	r.on(in.shard, func(*legs.Core) { in.leg.Answer(false, nil, legs.Body{}) })
	ok := r.caller.Expect("200 INVITE")
	third.Send(r.server, third.Request("ACK", 1, invite, ok))
	same := third.Request("ACK", 1, invite, ok)
	same.Vias = invite.Vias
	third.Send(r.server, same)
	r.fence(third, r.server)
	r.on(in.shard, func(*legs.Core) {})
	r.host.none()
	r.caller.Send(r.server, r.caller.Request("ACK", 1, invite, ok))
	r.host.expect(legs.Acked)
	if n := r.count("b2bua_sip_strays_total", "source"); n != 3 {
		t.Errorf("%d counted", n)
	}

	invite, in = r.call("source-3")
	r.on(in.shard, func(*legs.Core) { in.leg.Refuse(486, "", nil) })
	busy := r.caller.Expect("486")
	r.host.expect(legs.Ended)
	third.Send(r.server, third.Ack(invite, busy))
	r.fence(third, r.server)
	r.on(in.shard, func(*legs.Core) {})
	r.caller.Expect("486") // still waiting for the ACK
	if n := r.count("b2bua_sip_strays_total", "source"); n != 4 {
		t.Errorf("%d counted", n)
	}
	r.caller.Send(r.server, r.caller.Ack(invite, busy))
}
