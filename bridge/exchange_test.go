package bridge

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// offers is what further offers have led to, as the world sees it.
type offers struct {
	owed  [2]bool // a party waits for the answer to its offer
	out   [2]bool // a party has an offer to answer
	draft bool    // something is held until both agree
}

func (o *offers) do(t *rapid.T, a action) {
	t.Helper()
	p := a.party
	switch a.op {
	case opReoffer, opRestore:
		if o.out[p] || o.owed[p] || o.draft == (a.op == opReoffer) {
			t.Fatalf("%s %s: %+v", a.op, p, *o)
		}
		o.out[p], o.draft = true, true
	case opReanswer, opRerefuse:
		if !o.owed[p] || a.op == opReanswer && !o.draft || a.op == opRerefuse && (a.status < 400 || a.status > 699) {
			t.Fatalf("%s %s with %d: %+v", a.op, p, a.status, *o)
		}
		o.owed[p] = false
		o.draft = o.draft && a.op != opReanswer
	case opWithdraw:
		if !o.out[p] {
			t.Fatalf("withdraws from %s what it does not have", p)
		}
	case opRestored, opDiscard:
		if !o.draft {
			t.Fatalf("%s of nothing", a.op)
		}
		o.draft = false
	default:
		t.Fatalf("does %d", a.op)
	}
}

// reoffers: legs see to it that a party does not while its last offer is open, or
// ours is with it.
func (w *world) reoffers(p Party) {
	up := w.m.Phase == Talking || w.m.Phase == Answering && p == Called
	if up && !w.offers.owed[p] && !w.offers.out[p] {
		w.offers.owed[p] = true
		w.send(event{in: Reoffered, party: p})
	}
}

func (w *world) withdraws(p Party) {
	if w.m.Phase == Talking && w.offers.owed[p] {
		w.offers.owed[p] = false
		w.send(event{in: Withdrawn, party: p})
	}
}

func (w *world) replies(p Party) {
	if w.m.Phase == Talking && w.offers.out[p] {
		w.offers.out[p] = false
		in := rapid.SampledFrom([]Input{Reanswered, Reanswered, Misanswered, Rerefused}).Draw(w.t, "reply")
		status := rapid.SampledFrom([]int{302, 401, 404, 487, 488, 491, 503, 606}).Draw(w.t, "status")
		w.send(event{in: in, party: p, status: status})
	}
}

// Every state of a further offer with every input of either side.
func TestExchangeEdges(t *testing.T) {
	t.Parallel()
	type key struct {
		from  Exchange
		in    Input
		party Party
	}
	type edge struct {
		to   Exchange
		acts string
	}
	want := map[key]edge{
		{Stable, Reoffered, Caller}:        {Offering, "reoffer called"},
		{Stable, Reoffered, Called}:        {Offering, "reoffer caller"},
		{Offering, Reoffered, Caller}:      {Offering, "rerefuse caller 491"},
		{Offering, Reoffered, Called}:      {Offering, "rerefuse called 491"},
		{Offering, Withdrawn, Caller}:      {Withdrawing, "withdraw called"},
		{Offering, Reanswered, Called}:     {Stable, "reanswer caller"},
		{Offering, Misanswered, Called}:    {Restoring, "rerefuse caller 488, restore called"},
		{Offering, Rerefused, Called}:      {Stable, "rerefuse caller 606, discard"},
		{Withdrawing, Reoffered, Caller}:   {Withdrawing, "rerefuse caller 491"},
		{Withdrawing, Reoffered, Called}:   {Withdrawing, "rerefuse called 491"},
		{Withdrawing, Reanswered, Called}:  {Restoring, "restore called"},
		{Withdrawing, Misanswered, Called}: {Restoring, "restore called"},
		{Withdrawing, Rerefused, Called}:   {Stable, "discard"},
		{Restoring, Reoffered, Caller}:     {Restoring, "rerefuse caller 491"},
		{Restoring, Reoffered, Called}:     {Restoring, "rerefuse called 491"},
		{Restoring, Reanswered, Called}:    {Stable, "restored called"},
		{Restoring, Misanswered, Called}:   {Stable, "discard"},
		{Restoring, Rerefused, Called}:     {Stable, "discard"},
	}
	for e := range numExchanges {
		for i := Reoffered; i < numInputs; i++ {
			for _, p := range []Party{Caller, Called} {
				m := in(Talking)
				m.Exchange, m.Offerer = e, Caller
				before := m
				acts := m.step(event{in: i, party: p, status: 606}, nil)
				edge, legal := want[key{e, i, p}]
				switch {
				case !legal && (len(acts) > 0 || !reflect.DeepEqual(m, before)):
					t.Errorf("%s on %s of %s: %s, now %s", e, i, p, show(acts), m.Exchange)
				case legal && (m.Exchange != edge.to || show(acts) != edge.acts):
					t.Errorf("%s on %s of %s: %s, %q; want %s, %q", e, i, p, m.Exchange, show(acts), edge.to, edge.acts)
				}
			}
		}
		for _, i := range []Input{CallerGone, CalledGone, Stop} {
			m := in(Talking)
			m.Exchange, m.Offerer = e, Called
			if m.step(event{in: i, attempt: 1}, nil); m.Phase != Done || m.Exchange != Stable {
				t.Errorf("%s on %s: %s, %s", e, i, m.Phase, m.Exchange)
			}
		}
	}
}

// A refusal is passed on as one that leaves the offerer's dialog as it is.
func TestForOfferer(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]int{
		302: 488, 400: 488, 401: 488, 403: 403, 404: 488, 405: 488, 410: 488, 415: 488, 420: 488, 422: 488, 480: 488,
		482: 488, 486: 486, 487: 488, 488: 488, 491: 491, 500: 500, 502: 488, 503: 500, 504: 504, 600: 600, 603: 603, 604: 488, 606: 606,
	} {
		if got := forOfferer(status); got != want {
			t.Errorf("%d becomes %d, want %d", status, got, want)
		}
	}
}
