package bridge

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"

	"b2bua/cdr"
	"b2bua/legs"
	"b2bua/legs/shard"
	"b2bua/policy"
)

// A record is the record of a call with room for what it points at, all in one
// piece of memory. A pointer is set when the thing has happened.
type record struct {
	cdr.Record
	trunk, outbound          string
	ringing, answered, ended time.Time
	pdd                      int64
	status, cause            int
	by                       cdr.HungUpBy
	end                      cdr.EndReason
	media                    cdr.Media
	one                      [1]cdr.Attempt // Attempts, unless the call hunts
	first                    attemptRoom
	more                     []*attemptRoom
}

// attemptRoom is the same for one attempt.
type attemptRoom struct {
	ringing, answered, ended time.Time
	status                   int
	end                      cdr.EndReason
}

// newRecord opens the record of a call that has just arrived.
func newRecord(node string, id uuid.UUID, now time.Time, inv *legs.Invite) *record {
	r := &record{trunk: inv.Trunk}
	r.NodeID, r.StartedAt, r.InboundTrunk = node, now, &r.trunk
	r.RelatedCalls, r.Attempts = []cdr.RelatedCall{}, r.one[:0]
	r.Received = cdr.Received{
		Listener: inv.Listener.URL, Transport: inv.Listener.Transport,
		SIPCallID: inv.CallID, RequestURI: inv.RequestURI, Caller: digits(inv.From.URI), Called: digits(inv.URI),
		From: inv.From.String(), To: inv.To.String(),
		PAssertedIdentity: inv.Header("P-Asserted-Identity"), PPreferredIdentity: inv.Header("P-Preferred-Identity"),
		RemotePartyID: inv.Header("Remote-Party-ID"), Diversion: inv.Header("Diversion"),
		Privacy: inv.Header("Privacy"), UserAgent: inv.Header("User-Agent"),
	}
	r.detach(id, inv.Source)
	r.Caller, r.Called = r.Received.Caller, r.Received.Called
	return r
}

// detach copies what would keep the whole INVITE in memory for the life of the
// call, and writes the id and the source beside it.
func (r *record) detach(id uuid.UUID, source netip.AddrPort) {
	var head [128]byte
	idText := appendID(head[:0], id)
	own := source.AppendTo(idText)
	in := &r.Received
	fields := [...]*string{
		&in.SIPCallID, &in.RequestURI, &in.Caller, &in.Called, &in.From, &in.To, &in.PAssertedIdentity,
		&in.PPreferredIdentity, &in.RemotePartyID, &in.Diversion, &in.Privacy, &in.UserAgent,
	}
	size := len(own)
	for _, f := range fields {
		size += len(*f)
	}
	var text strings.Builder
	text.Grow(size)
	_, _ = text.Write(own)
	for _, f := range fields {
		_, _ = text.WriteString(*f)
	}
	all := text.String()
	r.CallID, in.Source, all = all[:len(idText)], all[len(idText):len(own)], all[len(own):]
	for _, f := range fields {
		*f, all = all[:len(*f)], all[len(*f):]
	}
}

// newCallID makes the id of a call: a UUIDv7 (RFC 9562 §5.7) whose clock goes on
// below the millisecond (§6.2, method 3), with 54 bits of chance and, as its last
// octet, the shard that the call is on.
func newCallID(home shard.ID, now time.Time) (id uuid.UUID) {
	ms := now.UnixMilli()
	part := now.Sub(time.UnixMilli(ms)) * 4096 / time.Millisecond
	binary.BigEndian.PutUint64(id[:], uint64(ms)<<16|0x7000|uint64(part))
	binary.BigEndian.PutUint64(id[8:], 1<<63|rand.Uint64()>>2&^0xff|uint64(home))
	return id
}

// homeOf is the shard of a call, if it is one of ours.
func homeOf(callID string) (home shard.ID, ok bool) {
	id, err := uuid.Parse(callID)
	return shard.ID(id[len(id)-1]), err == nil
}

// appendID writes an id as text (RFC 9562 §4).
func appendID(b []byte, id uuid.UUID) []byte {
	for i, end := range [...]int{4, 6, 8, 10, 16} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, id[[...]int{0, 4, 6, 8, 10}[i]:end])
	}
	return b
}

// sent notes the final response to the caller.
func (r *record) sent(status int) {
	r.status = status
	r.SIPStatus = &r.status
}

// dialled notes a further attempt.
func (r *record) dialled(a cdr.Attempt) {
	r.Attempts = append(r.Attempts, a)
	if len(r.Attempts) > 1 {
		r.more = append(r.more, new(attemptRoom))
	}
	r.outbound = a.Trunk
	r.OutboundTrunk = &r.outbound
}

// attempt is the part of one attempt, from 1.
func (r *record) attempt(no int) (*cdr.Attempt, *attemptRoom) {
	if no == 1 {
		return &r.Attempts[0], &r.first
	}
	return &r.Attempts[no-1], r.more[no-2]
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

// finish closes the record, gives back what the call holds and hands the record
// over.
func (k *call) finish(c *legs.Core, a action) {
	k.closeRecord(c, a)
	k.giveBack()
	k.b.metrics.ended(&k.rec.Record)
	if k.b.log.Enabled(context.Background(), slog.LevelDebug) {
		k.b.log.Debug("call ended", "call_id", k.rec.CallID, "end_reason", a.end, "sip_status", k.rec.status,
			"duration_ms", k.rec.DurationMS, "attempts", len(k.rec.Attempts))
	}
	k.handOver(c)
}

// closeRecord states how and when the call ended.
func (k *call) closeRecord(c *legs.Core, a action) {
	r := k.rec
	r.ended, r.end, r.by = stamp(c), a.end, a.by
	r.EndedAt, r.EndReason, r.HungUpBy = &r.ended, &r.end, &r.by
	r.DurationMS = c.Now().Sub(k.began).Milliseconds()
	if r.SIPStatus == nil || *r.SIPStatus != 200 {
		r.AnsweredAt = nil // it was never answered as far as the caller knows
	}
	if r.AnsweredAt != nil {
		r.BillableMS = c.Now().Sub(k.answered).Milliseconds()
	}
	if n, ok := cause(&r.Record, a.reason); ok {
		r.cause = n
		r.Q850Cause = &r.cause
	}
	r.Media = k.media.stats(&r.media, nil)
	if k.attempt != nil {
		k.attempt.close(c, a.end)
	}
}

// giveBack releases ports and places. Doing so twice changes nothing. The call's
// media end at once: nothing is left to do for those of its attempt.
func (k *call) giveBack() {
	k.media.close()
	if k.attempt != nil {
		k.attempt.alarm.Stop()
		k.attempt.giveBack()
	}
	if k.held {
		k.held = false
		k.b.release(*k.rec.InboundTrunk)
	}
	k.setup, k.reply = setup{}, reply{}
}

// handOver gives the closed record to the journal and forgets the call.
func (k *call) handOver(c *legs.Core) {
	k.finished = true
	k.b.waiting.Add(1)
	k.b.forget(c, k)
	if !k.b.keeps(&k.rec.Record) {
		(&ended{b: k.b, rec: &k.rec.Record}).wait(c)
	}
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
	if !e.b.keeps(e.rec) {
		e.wait(c)
	}
}

func (e *ended) wait(c *legs.Core) {
	e.b.metrics.waiting.Inc()
	c.Schedule(c.Now().Add(journalRetry), e)
}

// keeps reports whether the journal has taken a closed record.
func (b *Bridge) keeps(rec *cdr.Record) bool {
	taken := b.cfg.Journal.Queue(cdr.Ended, rec, nil)
	if taken {
		b.waiting.Add(-1)
	}
	return taken
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
	r.Media = k.media.stats(new(cdr.Media), nil)
	return r
}
