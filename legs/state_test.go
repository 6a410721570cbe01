package legs

import (
	"slices"
	"strings"
	"testing"
)

// Every edge of both tables, taken by the machine itself: where it leads, and
// that it does what the table says and nothing else. Everything else is not an
// edge: it moves nothing and tells the bridge nothing.
func TestEveryEdge(t *testing.T) {
	t.Parallel()
	t.Run("inbound", func(t *testing.T) {
		t.Parallel()
		inputs := []Input{InProgress, InAnswer, InRefuse, InAck, InCancel, InHangup, InBye, InAckLost, InGone, InLost}
		for from, path := range uasPaths {
			for _, in := range inputs {
				u := newUAS(t)
				for _, step := range path {
					u.move(step)
					reread(t, &u.s)
				}
				as := in
				if in == InHangup && (from == Trying || from == Early) {
					as = InRefuse
				}
				check(t, inboundEdges, from, as, u.s.State, func() (string, State) {
					did, _ := u.move(in)
					return did, u.s.State
				})
			}
		}
		complete(t, inboundEdges, uasPaths, inputs)
	})
	t.Run("outbound", func(t *testing.T) {
		t.Parallel()
		inputs := []Input{InProgress, InAnswer, InRefuse, InAck, InHangup, InBye, InRangOut, InAckLost, InGone, InLost}
		for from, path := range uacPaths {
			for _, in := range inputs {
				u := newUAC(t)
				for _, step := range path {
					u.move(step)
					reread(t, &u.s)
				}
				check(t, outboundEdges, from, in, u.s.State, func() (string, State) {
					did, _ := u.move(in)
					return did, u.s.State
				})
			}
		}
		complete(t, outboundEdges, uacPaths, inputs)
	})
}

// polite is what an input that is no edge may still do: requests are always
// answered, a 2xx is always acknowledged, and one of another dialog ended.
var polite = []string{"", "481 to BYE", "200 to CANCEL", "ACK", "ACK, BYE"}

func check(t *testing.T, table table, from State, in Input, at State, walk func() (string, State)) {
	t.Helper()
	if at != from {
		t.Fatalf("the path to %v leads to %v", from, at)
	}
	did, to := walk()
	want := table[from][in]
	ok := want != move{}
	switch {
	case ok && (to != want.to || did != want.does):
		t.Errorf("%v on %v: %v, did %q; the table has %v, %q", from, in, to, did, want.to, want.does)
	case !ok && (to != from || !slices.Contains(polite, did)):
		t.Errorf("%v on %v is no edge: %v, did %q", from, in, to, did)
	}
}

// complete makes sure that the test has walked every edge there is, that every
// state but the last has a way out, and that the last has none.
func complete(t *testing.T, table table, paths map[State][]Input, inputs []Input) {
	t.Helper()
	exits := map[State]int{}
	for from := range numStates {
		for on := range numInputs {
			if table[from][on] == (move{}) {
				continue
			}
			if _, ok := paths[from]; !ok || !slices.Contains(inputs, on) {
				t.Errorf("%v on %v is not tested", from, on)
			}
			exits[from]++
		}
	}
	for s := range paths {
		if (exits[s] == 0) != (s == Terminated) {
			t.Errorf("%v has %d ways out", s, exits[s])
		}
		if s.Live() == (s == Terminated) {
			t.Errorf("%v: live %v", s, s.Live())
		}
	}
}

func TestMachines(t *testing.T) {
	t.Parallel()
	for i, m := range Machines() {
		want := [...]int{24, 24, 13, 44}[i]
		first := []string{"trying", "trying", "idle", "idle"}[i]
		if len(m.Edges) != want || m.States[0] != first || i < 2 && m.States[len(m.States)-1] != "terminated" {
			t.Errorf("%s: %d edges, states %v", m.Name, len(m.Edges), m.States)
		}
	}
	if State(99).String() != "state(99)" || Input(99).String() != "input(99)" || AckLost.String() != "ack_lost" {
		t.Error("names of what has none")
	}
	for _, name := range append(stateNames[:], inputNames[:]...) {
		if name == "" || strings.ToLower(name) != name {
			t.Errorf("name %q", name)
		}
	}
}
