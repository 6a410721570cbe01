package bridge

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"b2bua/cdr"
	"b2bua/legs/sipmsg"
	"b2bua/policy"
)

// show writes actions so that a table can hold them.
func show(acts []action) string {
	list := make([]string, len(acts))
	for i, a := range acts {
		s := a.op.String()
		switch a.op {
		case opDial, opRing, opJournal, opAnswer, opDropOut:
			s += fmt.Sprint(" ", a.attempt)
		case opRefuse:
			s += fmt.Sprint(" ", a.status)
		case opFinish:
			s += fmt.Sprintf(" %s by %s", a.end, a.by)
		case opReoffer, opReanswer, opWithdraw, opRestore, opRestored:
			s += fmt.Sprint(" ", a.party)
		case opRerefuse:
			s += fmt.Sprint(" ", a.party, " ", a.status)
		default:
		}
		list[i] = s
	}
	return strings.Join(list, ", ")
}

func targets(n int, hunt ...string) []policy.Target {
	if hunt == nil {
		hunt = policy.DefaultHuntOn()
	}
	list := make([]policy.Target, n)
	for i := range list {
		list[i] = policy.Target{Trunk: fmt.Sprint("trunk", i+1), HuntOn: policy.HuntOn(hunt)}
	}
	return list
}

// in is a call in a phase, at the first of two targets.
func in(p Phase) machine {
	m := machine{Phase: p}
	if p != Routing {
		m.Attempt, m.Rung = 1, p == Ringing
		m.Targets = targets(2)
	}
	return m
}

// Every phase with every input: what is not in the table is refused.
func TestMachineEdges(t *testing.T) {
	t.Parallel()
	type key struct {
		phase Phase
		in    Input
	}
	type edge struct {
		to   Phase
		acts string
	}
	failed := edge{Dialing, "dial 2"}
	want := map[key]edge{
		{Routing, Planned}:    {Dialing, "dial 1"},
		{Routing, Unplanned}:  {Done, "refuse 503, finish limit by system"},
		{Routing, CallerGone}: {Done, "finish cancelled by caller"},
		{Routing, Stop}:       {Done, "refuse 503, finish limit by system"},

		{Dialing, Rang}:        {Ringing, "ring 1"},
		{Dialing, Answered}:    {Answering, "journal 1"},
		{Dialing, Failed}:      failed,
		{Dialing, RingTimeout}: {Dialing, "drop attempt 1, dial 2"},
		{Dialing, CallerGone}:  {Done, "drop attempt 1, finish cancelled by caller"},
		{Dialing, Stop}:        {Done, "refuse 503, drop attempt 1, finish limit by system"},

		{Ringing, Rang}:        {Ringing, "ring 1"},
		{Ringing, Answered}:    {Answering, "journal 1"},
		{Ringing, Failed}:      failed,
		{Ringing, RingTimeout}: {Done, "drop attempt 1, refuse 480, finish no_answer by system"},
		{Ringing, CallerGone}:  {Done, "drop attempt 1, finish cancelled by caller"},
		{Ringing, Stop}:        {Done, "refuse 503, drop attempt 1, finish limit by system"},

		{Answering, Journaled}:   {Talking, "answer 1"},
		{Answering, Unjournaled}: {Done, "refuse 503, drop attempt 1, finish journal by system"},
		{Answering, CallerGone}:  {Done, "drop attempt 1, finish cancelled by caller"},
		{Answering, CalledGone}:  {Done, "refuse 480, finish rejected by called"},
		{Answering, Stop}:        {Done, "refuse 503, drop attempt 1, finish limit by system"},
		{Answering, Reoffered}:   {Answering, "rerefuse called 491"},

		{Talking, CallerGone}: {Done, "drop attempt 1, finish completed by caller"},
		{Talking, CalledGone}: {Done, "drop inbound, finish completed by called"},
		{Talking, Stop}:       {Done, "drop inbound, drop attempt 1, finish limit by system"},
		{Talking, Reoffered}:  {Talking, "reoffer caller"},
	}
	for p := range numPhases {
		for i := range numInputs {
			before := in(p)
			m := in(p)
			acts := m.step(event{in: i, attempt: 1, targets: targets(2), status: 503, end: cdr.EndLimit, party: Called}, nil)
			edge, legal := want[key{p, i}]
			if !legal {
				if len(acts) > 0 || !reflect.DeepEqual(m, before) {
					t.Errorf("%s on %s: %s, now %+v", p, i, show(acts), m)
				}
				continue
			}
			if m.Phase != edge.to || show(acts) != edge.acts {
				t.Errorf("%s on %s: %s, %q; want %s, %q", p, i, m.Phase, show(acts), edge.to, edge.acts)
			}
		}
	}
}

// News of an attempt that was given up changes nothing.
func TestMachineLateNews(t *testing.T) {
	t.Parallel()
	for p := range numPhases {
		for _, i := range []Input{Rang, Answered, Failed, RingTimeout, CalledGone} {
			m := in(p)
			if m.Attempt++; p == Routing {
				m.Attempt = 0
			}
			before := m
			if acts := m.step(event{in: i, attempt: 1, status: 486}, nil); len(acts) > 0 || !reflect.DeepEqual(m, before) {
				t.Errorf("%s on late %s: %s", p, i, show(acts))
			}
		}
	}
}

// How an attempt fails decides what follows, at the first of two targets and at
// the last.
func TestMachineHunting(t *testing.T) {
	t.Parallel()
	tests := []struct {
		why         Why
		status      int
		first, last string // "" for first: hunts
	}{
		{ByStatus, 408, "", "refuse 408, finish rejected by called"},
		{ByStatus, 480, "", "refuse 480, finish rejected by called"},
		{ByStatus, 500, "", "refuse 500, finish rejected by called"},
		{ByStatus, 502, "", "refuse 502, finish rejected by called"},
		{ByStatus, 503, "", "refuse 503, finish rejected by called"},
		{ByStatus, 504, "", "refuse 504, finish rejected by called"},
		{ByTimeout, 408, "", "refuse 408, finish unreachable by system"},
		{ByTransport, 503, "", "refuse 503, finish unreachable by system"},
		{ByLimit, 503, "", "refuse 503, finish limit by system"},
		{ByEarly, 488, "", "refuse 488, finish bad_offer by system"},
		{ByRing, 480, "refuse 480, finish no_answer by system", ""}, // it rang
		{ByAnswer, 488, "refuse 488, finish bad_offer by system", ""},
		{ByPorts, 503, "refuse 503, finish no_ports by system", ""},
		{ByStatus, 400, "refuse 400, finish rejected by called", ""},
		{ByStatus, 404, "refuse 404, finish rejected by called", ""},
		{ByStatus, 484, "refuse 484, finish rejected by called", ""},
		{ByStatus, 486, "refuse 486, finish rejected by called", ""},
		{ByStatus, 487, "refuse 487, finish rejected by called", ""},
		{ByStatus, 488, "refuse 488, finish rejected by called", ""},
		{ByStatus, 600, "refuse 600, finish rejected by called", ""},
		{ByStatus, 603, "refuse 603, finish rejected by called", ""},
		// What would need a header that is not the caller's business:
		{ByStatus, 302, "refuse 480, finish rejected by called", ""},
		{ByStatus, 401, "refuse 403, finish rejected by called", ""},
		{ByStatus, 407, "refuse 403, finish rejected by called", ""},
		{ByStatus, 405, "refuse 500, finish rejected by called", ""},
		{ByStatus, 415, "refuse 488, finish rejected by called", ""},
		{ByStatus, 420, "refuse 500, finish rejected by called", ""},
		{ByStatus, 422, "refuse 500, finish rejected by called", ""},
		{ByStatus, 494, "refuse 500, finish rejected by called", ""},
	}
	for _, tt := range tests {
		if tt.first == "" {
			tt.first = "dial 2"
		} else {
			tt.last = tt.first
		}
		for left, want := range map[int]string{1: tt.first, 0: tt.last} {
			m := in(Ringing)
			m.Targets = targets(1 + left)
			got := show(m.step(event{in: Failed, attempt: 1, why: tt.why, status: tt.status}, nil))
			if got != want {
				t.Errorf("why %d, status %d, %d left: %q, want %q", tt.why, tt.status, left, got, want)
			}
			if dials := got == "dial 2"; dials != (m.Phase == Dialing && !m.Rung && m.Attempt == 2) {
				t.Errorf("why %d, status %d: now %+v", tt.why, tt.status, m)
			}
		}
	}
}

// A trunk's own list replaces the default one; only what never reached the
// called side, or is ours to refuse, is beyond it.
func TestMachineHuntsOnlyByItsList(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		hunt   []string
		why    Why
		status int
		hunts  bool
	}{
		{[]string{"486"}, ByStatus, 486, true},
		{[]string{"486"}, ByStatus, 503, false},
		{[]string{"486"}, ByTimeout, 408, false},
		{[]string{"486"}, ByTransport, 503, false},
		{[]string{"408"}, ByTimeout, 408, false},
		{[]string{"timeout"}, ByTimeout, 408, true},
		{[]string{"timeout"}, ByStatus, 408, false},
		{[]string{"transport"}, ByTransport, 503, true},
		{[]string{"600"}, ByStatus, 600, true},
		{[]string{}, ByStatus, 503, false},
		{[]string{}, ByLimit, 503, true},
	} {
		m := in(Dialing)
		m.Targets = targets(2, tt.hunt...)
		acts := m.step(event{in: Failed, attempt: 1, why: tt.why, status: tt.status}, nil)
		if hunts := show(acts) == "dial 2"; hunts != tt.hunts {
			t.Errorf("%v, why %d, %d: %s", tt.hunt, tt.why, tt.status, show(acts))
		}
	}
	m := in(Dialing)
	m.Targets = targets(2, "503")
	if got := show(m.step(event{in: RingTimeout, attempt: 1}, nil)); got != "drop attempt 1, refuse 408, finish no_answer by system" {
		t.Errorf("silent gateway of a trunk that does not hunt on timeout: %s", got)
	}
}

// The last attempt speaks: its status, its headers, and nobody else's.
func TestMachineLastAttemptSpeaks(t *testing.T) {
	t.Parallel()
	busy := []sipmsg.Header{{Name: "Reason", Value: "Q.850;cause=17"}}
	m := machine{}
	m.step(event{in: Planned, targets: targets(3)}, nil)
	m.step(event{in: Failed, attempt: 1, status: 503, reason: "Q.850;cause=34", headers: []sipmsg.Header{{Name: "Reason", Value: "Q.850;cause=34"}}}, nil)
	two := m
	m.step(event{in: Failed, attempt: 2, status: 408, why: ByTimeout}, nil)
	acts := m.step(event{in: Failed, attempt: 3, status: 486, reason: "Q.850;cause=17", headers: busy}, nil)
	if len(acts) != 2 || acts[0].status != 486 || !reflect.DeepEqual(acts[0].headers, busy) || acts[1].reason != "Q.850;cause=17" {
		t.Errorf("%+v", acts)
	}
	acts = two.step(event{in: Failed, attempt: 2, status: 408, why: ByTimeout}, nil)
	acts = append(acts, two.step(event{in: Failed, attempt: 3, status: 503, why: ByLimit}, nil)...)
	if len(acts) != 3 || acts[1].status != 503 || acts[1].headers != nil || acts[2].reason != "" {
		t.Errorf("an earlier attempt's words: %+v", acts)
	}
	var none machine
	if got := show(none.step(event{in: Planned}, nil)); got != "refuse 404, finish no_route by system" {
		t.Errorf("a plan without targets: %s", got)
	}
}

func TestMachines(t *testing.T) {
	t.Parallel()
	ms := Machines()
	if len(ms) != 2 || len(ms[1].States) != int(numExchanges) || len(ms[1].Edges) != 14 || len(ms[0].States) != int(numPhases) || ms[0].States[0] != "routing" {
		t.Fatalf("%+v", ms)
	}
	seen := map[string]bool{}
	for _, e := range ms[0].Edges {
		seen[fmt.Sprintf("%s | %s | %s | %s", e.From, e.Input, e.To, e.Actions)] = true
	}
	for _, want := range []string{
		"routing | planned | dialing | dial",
		"dialing | failed, hunted on | dialing | dial",
		"dialing | failed, last or not hunted on | done | refuse, finish",
		"dialing | ring_timeout, hunted on | dialing | drop attempt, dial",
		"ringing | ring_timeout | done | drop attempt, refuse, finish",
		"answering | journaled | talking | answer",
		"talking | called_gone | done | drop inbound, finish",
	} {
		if !seen[want] {
			t.Errorf("no edge %s in\n%s", want, strings.Join(keys(seen), "\n"))
		}
	}
	if len(seen) != 29 || len(seen) != len(ms[0].Edges) {
		t.Errorf("%d edges:\n%s", len(ms[0].Edges), strings.Join(keys(seen), "\n"))
	}
}

func keys(m map[string]bool) (list []string) {
	for k := range m {
		list = append(list, k)
	}
	return list
}
