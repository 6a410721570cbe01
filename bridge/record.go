package bridge

import (
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"b2bua/cdr"
	"b2bua/legs"
	"b2bua/policy"
)

// newRecord opens the record of a call that has just arrived.
func newRecord(node string, now time.Time, inv *legs.Invite) *cdr.Record {
	id, err := uuid.NewV7()
	if err != nil {
		id = uuid.New() // no worse than unsorted
	}
	trunk := inv.Trunk
	caller, called := digits(inv.From.URI), digits(inv.URI)
	rec := &cdr.Record{
		CallID: id.String(), NodeID: node, StartedAt: now, InboundTrunk: &trunk,
		Caller: caller, Called: called,
		RelatedCalls: []cdr.RelatedCall{}, Attempts: []cdr.Attempt{},
		Received: cdr.Received{
			Source: inv.Source.String(), Listener: inv.Listener.URL, Transport: inv.Listener.Transport,
			SIPCallID: inv.CallID, RequestURI: inv.RequestURI, Caller: caller, Called: called,
			From: inv.From.String(), To: inv.To.String(),
			PAssertedIdentity: inv.Header("P-Asserted-Identity"), PPreferredIdentity: inv.Header("P-Preferred-Identity"),
			RemotePartyID: inv.Header("Remote-Party-ID"), Diversion: inv.Header("Diversion"),
			Privacy: inv.Header("Privacy"), UserAgent: inv.Header("User-Agent"),
		},
	}
	detach(&rec.Received)
	rec.Caller, rec.Called = rec.Received.Caller, rec.Received.Called
	return rec
}

// detach copies what would keep the whole INVITE in memory for the life of the
// call.
func detach(r *cdr.Received) {
	for _, s := range []*string{
		&r.SIPCallID, &r.RequestURI, &r.Caller, &r.Called, &r.From, &r.To, &r.PAssertedIdentity,
		&r.PPreferredIdentity, &r.RemotePartyID, &r.Diversion, &r.Privacy, &r.UserAgent,
	} {
		*s = strings.Clone(*s)
	}
}

// refusal turns policy's answer into an event.
func refusal(err error) event {
	var r *policy.Refusal
	if !errors.As(err, &r) {
		return event{in: Unplanned, status: 500, end: cdr.EndInternal}
	}
	end := cdr.EndNoRoute
	if r.Code == policy.RefusedLoop {
		end = cdr.EndLoop
	}
	return event{in: Unplanned, status: r.Status, end: end}
}

// journalAnswer writes the answer record; the caller is answered when it is on
// disk. A full queue is the same as a disk that refuses.
func (k *call) journalAnswer(c *legs.Core) []event {
	k.attempt.stopTimer()
	now := stamp(c)
	k.rec.AnsweredAt, k.answered = &now, c.Now()
	k.rec.Media = k.media.stats()
	ok := k.b.cfg.Journal.Append(cdr.Answered, k.rec, func(err error) {
		c.Post(func(c *legs.Core) {
			c.Blame(k)
			in := Journaled
			if err != nil {
				k.b.log.Error("an answer could not be recorded", "call_id", k.rec.CallID, "err", err)
				in = Unjournaled
			}
			k.apply(c, event{in: in})
		})
	})
	k.rec.Media = nil // as they stood; counted again at the end
	if !ok {
		return []event{{in: Unjournaled}}
	}
	c.Schedule(c.Now().Add(k.b.cfg.JournalPatience), (*unwritten)(k))
	return nil
}

// unwritten gives up on an answer record; after Journaled it is late news.
type unwritten call

// Owner lets the panic fence know whose timer it is.
func (u *unwritten) Owner() any { return (*call)(u) }

// Wake is the end of the journal's time.
func (u *unwritten) Wake(c *legs.Core) {
	k := (*call)(u)
	if k.m.Phase == Answering {
		k.b.log.Error("an answer could not be recorded in time", "call_id", k.rec.CallID)
		k.apply(c, event{in: Unjournaled})
	}
}

// finish closes the record, gives back what the call holds and hands the record
// over.
func (k *call) finish(c *legs.Core, a action) {
	k.closeRecord(c, a)
	k.giveBack()
	k.b.metrics.ended(k.rec)
	k.b.log.Debug("call ended", "call_id", k.rec.CallID, "end_reason", a.end, "sip_status", status(k.rec),
		"duration_ms", k.rec.DurationMS, "attempts", len(k.rec.Attempts))
	k.handOver(c)
}

// closeRecord states how and when the call ended.
func (k *call) closeRecord(c *legs.Core, a action) {
	r, now := k.rec, stamp(c)
	r.EndedAt, r.EndReason, r.HungUpBy = &now, &a.end, &a.by
	r.DurationMS = c.Now().Sub(k.began).Milliseconds()
	if r.SIPStatus == nil || *r.SIPStatus != 200 {
		r.AnsweredAt = nil // it was never answered as far as the caller knows
	}
	if r.AnsweredAt != nil {
		r.BillableMS = c.Now().Sub(k.answered).Milliseconds()
	}
	r.Q850Cause = cause(r, a.reason)
	r.Media = k.media.stats()
	if k.attempt != nil {
		k.attempt.over(c, a.end)
	}
}

// giveBack releases ports and places. Doing so twice changes nothing.
func (k *call) giveBack() {
	k.media.close()
	if k.attempt != nil {
		k.attempt.stopTimer()
		k.attempt.giveBack()
	}
	if k.held {
		k.held = false
		k.b.release(*k.rec.InboundTrunk)
	}
	k.setup, k.reply = nil, reply{}
}

// handOver gives the closed record to the journal and forgets the call.
func (k *call) handOver(c *legs.Core) {
	k.finished = true
	k.b.forget(c, k)
	k.b.waiting.Add(1)
	(&ended{b: k.b, rec: k.rec}).Wake(c)
}

// ended is a closed record on its way to the journal. The journal keeps room
// for the ends of calls; should even that be full, the record waits here.
type ended struct {
	b   *Bridge
	rec *cdr.Record
}

const journalRetry = 100 * time.Millisecond

// Wake tries once more.
func (e *ended) Wake(c *legs.Core) {
	if e.b.cfg.Journal.Append(cdr.Ended, e.rec, nil) {
		e.b.waiting.Add(-1)
		return
	}
	e.b.metrics.waiting.Inc()
	c.Schedule(c.Now().Add(journalRetry), e)
}

// snapshot is the record of a live call as it stands.
func (k *call) snapshot(c *legs.Core) *cdr.Record {
	r := k.rec.Clone()
	r.DurationMS = c.Now().Sub(k.began).Milliseconds()
	if r.AnsweredAt != nil {
		r.BillableMS = c.Now().Sub(k.answered).Milliseconds()
	}
	for i := range r.Attempts {
		if a := &r.Attempts[i]; a.EndedAt == nil && a.AnsweredAt != nil {
			a.BillableMS = c.Now().Sub(k.attempt.answered).Milliseconds()
		}
	}
	r.Media = k.media.stats()
	return r
}

// status is the final status the caller got, 0 when none.
func status(r *cdr.Record) int {
	if r.SIPStatus == nil {
		return 0
	}
	return *r.SIPStatus
}
