package bridge

import (
	"errors"
	"strconv"
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
	return &cdr.Record{
		CallID: id.String(), NodeID: node, StartedAt: now, InboundTrunk: &trunk,
		Caller: caller(inv), Called: digits(inv.URI),
		RelatedCalls: []cdr.RelatedCall{}, Attempts: []cdr.Attempt{},
		Received: cdr.Received{
			Source: inv.Source.String(), Listener: inv.Listener.URL, Transport: inv.Listener.Transport,
			SIPCallID: inv.CallID, RequestURI: inv.RequestURI, Caller: caller(inv), Called: digits(inv.URI),
			From: inv.From.String(), To: inv.To.String(),
			PAssertedIdentity: inv.Header("P-Asserted-Identity"), PPreferredIdentity: inv.Header("P-Preferred-Identity"),
			RemotePartyID: inv.Header("Remote-Party-ID"), Diversion: inv.Header("Diversion"),
			Privacy: inv.Header("Privacy"), UserAgent: inv.Header("User-Agent"),
		},
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

// attemptOver closes the attempt's part of the record.
func (k *call) attemptOver(ev event) {
	a := k.attempts[ev.attempt-1]
	if k.m.Attempt != ev.attempt || k.m.Phase == Done {
		return
	}
	k.stopRing()
	r := a.rec()
	if ev.why == ByStatus || ev.why == ByAnswer {
		status := ev.status
		r.SIPStatus = &status
	}
	end := (&Machine{Why: ev.why}).endOfLast()
	k.closeAttempt(a, end)
	a.media.close()
	if ev.why != ByLimit {
		k.releaseLast()
	}
}

func (k *call) closeAttempt(a *attempt, end cdr.EndReason) {
	r := a.rec()
	if r.EndedAt != nil {
		return
	}
	now := k.b.wall()
	r.EndedAt, r.EndReason = &now, &end
	if r.AnsweredAt != nil {
		r.BillableMS = now.Sub(*r.AnsweredAt).Milliseconds()
	}
}

// journalAnswer writes the answer record; the caller is answered when it is on
// disk. A full queue is the same as a disk that refuses.
func (k *call) journalAnswer(c *legs.Core) []event {
	k.stopRing()
	now := k.b.wall()
	k.rec.AnsweredAt = &now
	status := 200
	r := k.attempts[len(k.attempts)-1].rec()
	r.AnsweredAt, r.SIPStatus = &now, &status
	k.rec.Media = k.media.stats(k)
	k.answered = c.Now()
	ok := k.b.cfg.Journal.Append(cdr.Answered, k.rec, func(err error) {
		c.Post(func(c *legs.Core) {
			in := Journaled
			if err != nil {
				in = Unjournaled
			}
			k.apply(c, event{in: in})
		})
	})
	if !ok {
		return []event{{in: Unjournaled}}
	}
	return nil
}

// finish closes the record, gives back what the call holds and forgets it.
func (k *call) finish(c *legs.Core, a action) {
	k.stopRing()
	r := k.rec
	now := k.b.wall()
	r.EndedAt, r.EndReason, r.HungUpBy = &now, &a.end, &a.by
	r.DurationMS = c.Now().Sub(k.began).Milliseconds()
	if r.SIPStatus == nil || *r.SIPStatus != 200 {
		r.AnsweredAt = nil // it was never answered as far as the caller knows
	}
	if r.AnsweredAt != nil {
		r.BillableMS = c.Now().Sub(k.answered).Milliseconds()
	}
	for _, t := range k.attempts {
		k.closeAttempt(t, a.end)
	}
	r.Q850Cause = cause(r, a.reason)
	r.Media = k.media.stats(k)
	k.media.close()
	for _, t := range k.attempts {
		t.media.close()
	}
	k.release()
	k.b.metrics.ended(r)
	k.b.forget(c, k)
	(&ended{b: k.b, rec: r}).Wake(c)
	k.inv, k.shown = nil, nil
}

// ended is a closed record on its way to the journal. The journal keeps room
// for the ends of calls; should even that be full, the record waits here.
type ended struct {
	b   *Bridge
	rec *cdr.Record
}

const journalRetry = 100 * time.Millisecond

func (e *ended) Wake(c *legs.Core) {
	if !e.b.cfg.Journal.Append(cdr.Ended, e.rec, nil) {
		e.b.metrics.waiting.Inc()
		c.Schedule(c.Now().Add(journalRetry), e)
	}
}

// snapshot is the record of a live call as it stands.
func (k *call) snapshot(c *legs.Core) *cdr.Record {
	r := k.rec.Clone()
	r.DurationMS = c.Now().Sub(k.began).Milliseconds()
	if r.AnsweredAt != nil {
		r.BillableMS = c.Now().Sub(k.answered).Milliseconds()
	}
	r.Media = k.media.stats(k)
	return r
}

// cause is the Q.850 cause of an ended call: what a Reason header said, else
// what the status stands for (RFC 3398 §8.2.6.1), else normal clearing of an
// answered call.
func cause(r *cdr.Record, reason string) *int {
	n, ok := reasonCause(reason)
	switch {
	case ok:
	case r.AnsweredAt != nil && *r.EndReason == cdr.EndMediaTimeout:
		n = 41
	case r.AnsweredAt != nil:
		n = 16
	case r.SIPStatus != nil:
		n = causeOf(*r.SIPStatus)
	default:
		return nil
	}
	return &n
}

// reasonCause reads the cause of a Q.850 Reason header (RFC 3326 §2).
func reasonCause(reason string) (int, bool) {
	for _, value := range strings.Split(reason, ",") {
		parts := strings.Split(value, ";")
		if !strings.EqualFold(strings.TrimSpace(parts[0]), "Q.850") {
			continue
		}
		for _, p := range parts[1:] {
			name, v, _ := strings.Cut(strings.TrimSpace(p), "=")
			if n, err := strconv.Atoi(v); err == nil && strings.EqualFold(name, "cause") && n > 0 && n < 128 {
				return n, true
			}
		}
	}
	return 0, false
}

// causeOf maps a SIP status to Q.850 (RFC 3398 §8.2.6.1).
func causeOf(status int) int {
	switch status {
	case 401, 402, 403, 407, 603:
		return 21
	case 404, 485, 604:
		return 1
	case 405, 416, 421, 493, 501:
		return 63
	case 406, 415, 488, 606:
		return 88
	case 408, 504:
		return 102
	case 410:
		return 22
	case 413, 414, 420, 505, 513:
		return 127
	case 480:
		return 18
	case 482, 483:
		return 25
	case 484:
		return 28
	case 486, 600:
		return 17
	case 487:
		return 16
	case 502:
		return 38
	case 500, 503:
		return 41
	}
	return 31
}
