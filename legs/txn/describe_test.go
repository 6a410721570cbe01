package txn

import (
	"slices"
	"strings"
	"testing"
)

// The tables are closed: every state is reached, every state but those that wait
// for the owner has a way out by itself, and nothing leaves Terminated.
func TestTablesAreClosed(t *testing.T) {
	t.Parallel()
	waits := []string{
		"Non-INVITE server transaction: trying", "Non-INVITE server transaction: proceeding",
		"INVITE server transaction: proceeding",
	}
	for _, m := range []*machine{&inviteClient, &nonInviteClient, &inviteServer, &nonInviteServer} {
		reached := map[State]bool{m.start: true}
		for range numStates {
			for s := range reached {
				for _, st := range m.steps[s] {
					if st.to != 0 {
						reached[st.to] = true
					}
				}
			}
		}
		for s := range numStates {
			legal := slices.ContainsFunc(m.steps[s][:], func(st step) bool { return st.to != 0 })
			name := m.name + ": " + s.String()
			bound := m.expiry[s].on
			switch {
			case legal && !reached[s]:
				t.Errorf("%s: has edges and cannot be reached", name)
			case s == Terminated && (legal || bound != 0):
				t.Errorf("%s: has a way out", name)
			case !legal || s == Terminated:
			case slices.Contains(waits, name) != (bound == 0):
				t.Errorf("%s: bound by %q", name, inputNames[bound])
			case bound != 0 && (m.steps[s][bound].to == 0 || m.steps[s][bound].to == s):
				t.Errorf("%s: %s does not end it", name, inputNames[bound])
			case m.resent[s] != (m.resend != 0 && m.steps[s][m.resend].do == SendStored):
				t.Errorf("%s: retransmission does not agree with the table", name)
			}
		}
	}
}

// The durations in the documentation are those of Defaults.
func TestSpanNames(t *testing.T) {
	t.Parallel()
	for s := range numSpans {
		d, ends := s.of(Defaults(), false)
		zero, _ := s.of(Defaults(), true)
		want := map[string]string{"": "0s", "64*T1": "32s", "T4": "5s", "32 s": "32s", "181 s": "3m1s"}
		name, over, _ := strings.Cut(s.String(), ", ")
		if want[name] != d.String() || ends != (name != "") || (over != "") != (ends && zero == 0) {
			t.Errorf("%q is %v over UDP, %v over TCP", s, d, zero)
		}
	}
}

func TestMachines(t *testing.T) {
	t.Parallel()
	machines := Machines()
	if len(machines) != 4 {
		t.Fatalf("%d machines", len(machines))
	}
	inv := machines[0]
	if inv.States[0] != "calling" || inv.States[len(inv.States)-1] != "terminated" || len(inv.States) != 6 {
		t.Errorf("states %v", inv.States)
	}
	for _, want := range []Edge{
		{"calling", "timer B (64*T1)", "terminated", "time-out, done"},
		{"proceeding", "101-199 received", "proceeding", "deliver, restart timer"},
	} {
		if !slices.Contains(inv.Edges, want) {
			t.Errorf("no edge %v", want)
		}
	}
	for _, m := range machines {
		for _, e := range m.Edges {
			if !slices.Contains(m.States, e.From) || !slices.Contains(m.States, e.To) || e.Input == "" {
				t.Errorf("%s: %v", m.Name, e)
			}
		}
	}
}
