package bridge_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"b2bua/cdr"
	"b2bua/legs/sipmsg"
)

// slack is the resolution of timers.
const slack = 10

// about checks a figure in milliseconds that the clock was moved by.
func about(t *testing.T, what string, got, want int64) {
	t.Helper()
	if got < want || got > want+slack {
		t.Errorf("%s %d ms, want %d", what, got, want)
	}
}

// apart checks that a duration is the difference of its times, cut to
// milliseconds.
func apart(t *testing.T, what string, from time.Time, to *time.Time, ms int64) {
	t.Helper()
	if d := to.Sub(from).Milliseconds() - ms; d < -1 || d > 1 {
		t.Errorf("%s: from %s to %s it says %d ms", what, from, to, ms)
	}
	for _, at := range []time.Time{from, *to} {
		if at.Location() != time.UTC || at.Nanosecond()%1000 != 0 {
			t.Errorf("%s: %s is not UTC in microseconds", what, at)
		}
	}
}

// Every field of an answered call.
func TestRecordOfAnsweredCall(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1, frozen, func(c *config) { c.bridge.NodeID = "node-7" })
	d := r.invite(says([]sipmsg.Header{
		{Name: "p-asserted-identity", Value: "<tel:+331>"},
		{Name: "P-Preferred-Identity", Value: "<tel:+332>"},
		{Name: "REMOTE-PARTY-ID", Value: "<sip:333@phone.invalid>"},
		{Name: "Diversion", Value: "<sip:334@phone.invalid>"},
		{Name: "Privacy", Value: "id"},
	}))
	r.advance(10 * time.Second)
	d.says(180, nil)
	d.hears("180")
	d.says(180, nil, with("Alert-Info", "<urn:alert:again>")) // the first one counts
	d.hears("180")
	r.advance(20 * time.Second)
	d.answers(gateSDP(d.gate))
	r.advance(15 * time.Second)
	live, err := r.bridge.List(t.Context())
	if err != nil || len(live) != 1 || live[0].EndedAt != nil || live[0].EndReason != nil {
		t.Fatalf("%v, %+v", err, live)
	}
	about(t, "live duration", live[0].DurationMS, 45000)
	about(t, "live billable", live[0].BillableMS, 15000)
	about(t, "live attempt's billable", live[0].Attempts[0].BillableMS, 15000)
	d.calledBye()
	rec := r.ends(cdr.EndCompleted, cdr.ByCalled, 200)

	if id, err := uuid.Parse(rec.CallID); err != nil || id.Version() != 7 || rec.CallID != live[0].CallID {
		t.Errorf("call_id %s: %v", rec.CallID, err)
	}
	want := cdr.Received{
		Source: r.caller.Addr().String(), Listener: "udp://" + r.ip(serverIP) + ":0", Transport: "udp",
		SIPCallID: d.invite.CallID, RequestURI: d.invite.RequestURI, Caller: "1000", Called: called,
		From: d.invite.From.Raw, To: d.invite.To.Raw,
		PAssertedIdentity: "<tel:+331>", PPreferredIdentity: "<tel:+332>", RemotePartyID: "<sip:333@phone.invalid>",
		Diversion: "<sip:334@phone.invalid>", Privacy: "id", UserAgent: "callers-agent/1",
	}
	if rec.Received != want {
		t.Errorf("received\n%+v, want\n%+v", rec.Received, want)
	}
	if rec.NodeID != "node-7" || rec.Caller != "1000" || rec.Called != called || *rec.InboundTrunk != "pbx" || *rec.OutboundTrunk != "carrier" ||
		rec.PolicyRevision != 7 || *rec.Q850Cause != 16 || rec.RelatedCalls == nil || len(rec.RelatedCalls) != 0 || rec.Media == nil {
		t.Errorf("%+v", rec)
	}
	about(t, "pdd", *rec.PDDMS, 10000)
	about(t, "duration", rec.DurationMS, 45000)
	about(t, "billable", rec.BillableMS, 15000)
	apart(t, "pdd", rec.StartedAt, rec.RingingAt, *rec.PDDMS)
	apart(t, "duration", rec.StartedAt, rec.EndedAt, rec.DurationMS)
	apart(t, "billable", *rec.AnsweredAt, rec.EndedAt, rec.BillableMS)
	attemptOfAnsweredCall(t, r, d, rec)
}

func attemptOfAnsweredCall(t *testing.T, r *rig, d *dial, rec *cdr.Record) {
	t.Helper()
	if len(rec.Attempts) != 1 {
		t.Fatalf("%+v", rec.Attempts)
	}
	a := rec.Attempts[0]
	sent := cdr.Sent{
		SIPCallID: d.got.CallID, RequestURI: "sip:" + called + "@" + r.gates[0].Addr().String(),
		Destination: r.gates[0].Addr().String(), Caller: "1000", Called: called,
	}
	if a.AttemptNo != 1 || a.Reason != cdr.AttemptRoute || a.Trunk != "carrier" || a.Gateway != "sip:"+r.gates[0].Addr().String() ||
		a.Sent != sent || *a.SIPStatus != 200 || *a.EndReason != cdr.EndCompleted || !a.RingingAt.Equal(*rec.RingingAt) ||
		!a.EndedAt.Equal(*rec.EndedAt) || a.AnsweredAt.After(*rec.AnsweredAt) || a.StartedAt.Before(rec.StartedAt) {
		t.Errorf("%+v", a)
	}
	about(t, "attempt's billable", a.BillableMS, 15000)
	apart(t, "attempt's billable", *a.AnsweredAt, a.EndedAt, a.BillableMS)
}

// What did not happen is null.
func TestRecordOfCancelledCall(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1, frozen)
	d := r.invite()
	r.advance(10 * time.Second)
	d.cancels(sipmsg.Header{Name: "Reason", Value: "Q.850;cause=102"})
	d.says(100, nil)
	d.cancelled()
	rec := r.ends(cdr.EndCancelled, cdr.ByCaller, 487)
	if rec.RingingAt != nil || rec.AnsweredAt != nil || rec.PDDMS != nil || rec.BillableMS != 0 || *rec.Q850Cause != 102 {
		t.Errorf("%+v", rec)
	}
	about(t, "duration", rec.DurationMS, 10000)
	a := rec.Attempts[0]
	if a.RingingAt != nil || a.AnsweredAt != nil || a.SIPStatus != nil || a.BillableMS != 0 || *a.EndReason != cdr.EndCancelled || !a.EndedAt.Equal(*rec.EndedAt) {
		t.Errorf("%+v", a)
	}
}

// Each attempt has times and a status of its own.
func TestRecordOfHuntedCall(t *testing.T) {
	t.Parallel()
	r := newRig(t, 3, frozen, ringsFor(20*time.Second))
	d := r.invite()
	r.advance(10 * time.Second)
	d.says(180, nil)
	d.hears("180")
	d.says(503, nil, with("Reason", "Q.850;cause=34"))
	silent := *d.hunted(1)
	silent.says(100, nil)
	r.advance(20 * time.Second)
	d.hunted(2)
	silent.cancelled()
	r.advance(10 * time.Second)
	d.says(486, nil)
	d.hears("486")
	rec := r.ends(cdr.EndRejected, cdr.ByCalled, 486)
	if *rec.Q850Cause != 17 || rec.Attempts[0].RingingAt == nil || rec.RingingAt == nil || rec.AnsweredAt != nil || *rec.OutboundTrunk != "carrier" {
		t.Errorf("%+v", rec)
	}
	about(t, "duration", rec.DurationMS, 40000)
	wants := []struct {
		end    cdr.EndReason
		status string
		lasted int64
	}{{cdr.EndRejected, "503", 10000}, {cdr.EndNoAnswer, "none", 20000}, {cdr.EndRejected, "486", 10000}}
	for i, want := range wants {
		a := rec.Attempts[i]
		if *a.EndReason != want.end || number(a.SIPStatus) != want.status || a.AttemptNo != i+1 || a.Gateway != "sip:"+r.gates[i].Addr().String() || a.AnsweredAt != nil {
			t.Errorf("attempt %+v, want %+v", a, want)
		}
		about(t, "attempt lasted", a.EndedAt.Sub(a.StartedAt).Milliseconds(), want.lasted)
	}
	if ids := map[string]bool{rec.Attempts[0].Sent.SIPCallID: true, rec.Attempts[1].Sent.SIPCallID: true, rec.Attempts[2].Sent.SIPCallID: true}; len(ids) != 3 || ids[""] {
		t.Errorf("SIP Call-IDs %v", ids)
	}
}

// The record that the journal gets at the answer is the same call's, and the
// last one has everything of it.
func TestRecordIsWholeAtEachMark(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	r.call().callerBye()
	rec := r.record()
	r.journal.with(func() {
		answer := r.journal.answers[0]
		if answer.SIPStatus != nil || answer.EndedAt != nil || !answer.Live() {
			t.Errorf("answer record %+v", answer)
		}
		for _, p := range []*cdr.Record{answer, rec} { // what may differ
			p.EndedAt, p.EndReason, p.HungUpBy, p.SIPStatus, p.Q850Cause, p.Media, p.DurationMS, p.BillableMS = nil, nil, nil, nil, nil, nil, 0, 0
			a := &p.Attempts[0]
			a.EndedAt, a.EndReason, a.BillableMS = nil, nil, 0
		}
		if !reflect.DeepEqual(answer, rec) {
			t.Errorf("\n%+v\n%+v", answer, rec)
		}
	})
}

// A caller that is unknown leaves no record.
func TestNoRecordOfStrangers(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	uri := "sip:" + called + "@" + r.server.String()
	invite := r.gates[0].Invite(uri, "1", "strangers-call", gateSDP(r.gates[0]))
	invite.From.Raw = strings.Replace(invite.From.Raw, "phone.invalid", "stranger.invalid", 1)
	r.config.carrier().Sources = []string{"127.0.0.1/32"}
	r.engine.Swap(r.compile())
	r.gates[0].Send(r.server, invite)
	r.gates[0].Expect("403")
	if n := r.journal.count(cdr.Ended); n != 0 {
		t.Errorf("%d records", n)
	}
}
