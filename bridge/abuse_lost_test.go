package bridge_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"b2bua/internal/siptest"
)

// Messages that never arrive, however often they are repeated.
func TestLostForever(t *testing.T) { //nolint:tparallel // one relay for all
	t.Parallel()
	relay := newRelay(t)
	named := map[string]scene{}
	for _, s := range append(slices.Clone(scenes), scene{
		name: "nobody hangs up", caller: siptest.Habits{Hangup: never}, gates: []siptest.Habits{answering(never)},
	}) {
		named[s.name] = s
	}
	const (
		byCaller = "caller 200 us; gate 0 200 them; cdr completed by caller 200 answered"
		byCalled = "caller 200 them; gate 0 200 us; cdr completed by called 200 answered"
	)
	for _, tt := range []struct {
		scene    string
		what     string // as siptest.Is has it
		from, to netip.AddrPort
		story    string
	}{
		{"nobody hangs up", "INVITE", worldCaller, worldServer, "caller 408;"},
		{"nobody hangs up", "INVITE", worldServer, worldGates[0], "caller 408; cdr unreachable by system 408"},
		{"nobody hangs up", "200 INVITE", worldGates[0], worldServer, "caller 480; gate 0 200 us (481); cdr no_answer by system 480"},
		{"nobody hangs up", "200 INVITE", worldServer, worldCaller, "caller 408; gate 0 200 them; cdr ack_timeout by system 200 answered"},
		{"nobody hangs up", "ACK", worldCaller, worldServer, "caller 200 them; gate 0 200 them; cdr ack_timeout by system 200 answered"},
		{"nobody hangs up", "ACK", worldServer, worldGates[0], byCalled},
		{"the caller hangs up", "ACK", worldCaller, worldServer, byCaller},
		{"the caller hangs up", "ACK", worldServer, worldGates[0], byCaller},
		{"the called side hangs up", "ACK", worldCaller, worldServer, byCalled},
		{"the caller hangs up", "100", worldServer, worldCaller, byCaller},
		{"the called side hangs up", "180", worldGates[0], worldServer, byCalled},
		{"the caller hangs up", "200 BYE", worldServer, worldCaller, "caller 200 us (408); gate 0 200 them; cdr completed by caller 200 answered"},
		{"the called side hangs up", "200 BYE", worldCaller, worldServer, byCalled},
		{"the caller hangs up", "BYE", worldServer, worldGates[0], "caller 200 us; gate 0 200 ; cdr completed by caller 200 answered"},
		{"the caller hangs up", "BYE", worldCaller, worldServer, "caller 200 us (408); gate 0 200 them; cdr shutdown by system 200 answered"},
		{"refused", "486", worldGates[0], worldServer, "caller 408; gate 0 486; cdr unreachable by system 408"},
		{"refused", "486", worldServer, worldCaller, "caller 408; gate 0 486; cdr rejected by called 486"},
		{"refused", "ACK", worldCaller, worldServer, "caller 486; gate 0 486; cdr rejected by called 486"},
		{"refused", "ACK", worldServer, worldGates[0], "caller 486; gate 0 486; cdr rejected by called 486"},
		{"hunted", "ACK", worldServer, worldGates[0], "caller 200 us; gate 0 503; gate 1 200 them; cdr completed by caller 200 answered"},
		{"given up", "CANCEL", worldCaller, worldServer, "caller 480; gate 0 487; cdr no_answer by system 480"},
		{"given up", "CANCEL", worldServer, worldGates[0], "caller 487; gate 0 0; cdr cancelled by caller 487"},
		{"given up", "200 CANCEL", worldServer, worldCaller, wellInTime},
		{"given up", "487", worldServer, worldCaller, "caller 408; gate 0 487; cdr cancelled by caller 487"},
		{"given up", "487", worldGates[0], worldServer, wellInTime},
		{"forked", "ACK", worldServer, worldGates[0], "caller 200 us; gate 0 200 them them them; cdr completed by caller 200 answered"},
		{"forked", "BYE", worldServer, worldGates[0], "caller 200 us; gate 0 200   ; cdr completed by caller 200 answered"},
	} {
		t.Run(tt.scene+", "+tt.what+" of "+tt.from.String(), func(t *testing.T) {
			w := newWorld(t, relay, named[tt.scene], nil)
			w.net.Lose = func(d siptest.Datagram) bool {
				return d.From == tt.from && d.To == tt.to && siptest.Is(d.Message, tt.what)
			}
			w.cut = w.caller
			if tt.from != worldCaller && tt.to != worldCaller {
				w.cut = w.gates[0]
			}
			play(t, w, []string{tt.story})
		})
	}
}

// The INVITE was given up and is forgotten when its 2xx comes at last: nobody is
// left behind in a call.
func TestAnswerToAForgottenInvite(t *testing.T) {
	t.Parallel()
	s := scene{name: "forgotten", caller: siptest.Habits{Hangup: never}, gates: []siptest.Habits{answering(never)}}
	w := newWorld(t, newRelay(t), s, nil)
	w.net.Lose = func(d siptest.Datagram) bool {
		return d.From == worldGates[0] && d.At.Sub(w.began) < 32400*time.Millisecond
	}
	play(t, w, []string{"caller 408; gate 0 200 them; cdr unreachable by system 408"})
}

// The network between us and one of them is down for a while, one way or both;
// what is repeated for 32 s gets through at last, unless it is down for longer.
func TestOutage(t *testing.T) {
	t.Parallel()
	relay := newRelay(t)
	rapid.Check(t, func(rt *rapid.T) {
		s := rapid.SampledFrom(scenes).Draw(rt, "scene")
		peer := rapid.SampledFrom([]netip.AddrPort{worldCaller, worldGates[0], worldGates[1]}).Draw(rt, "peer")
		way := rapid.SampledFrom([]string{"to us", "from us", "both"}).Draw(rt, "way")
		begin := rapid.IntRange(0, 8000).Draw(rt, "begin")
		length := rapid.IntRange(1, 40000).Draw(rt, "length")
		w := newWorld(rt, relay, s, nil)
		if w.cut = w.caller; length < 27000 {
			w.cut = nil
		} else if peer != worldCaller {
			w.cut = w.gates[min(len(w.gates)-1, slices.Index(worldGates[:], peer))]
		}
		w.net.Lose = func(d siptest.Datagram) bool {
			at := d.At.Sub(w.began)
			return at >= time.Duration(begin)*time.Millisecond && at < time.Duration(begin+length)*time.Millisecond &&
				(d.From == peer && way != "from us" || d.To == peer && way != "to us")
		}
		play(rt, w, nil)
	})
}
