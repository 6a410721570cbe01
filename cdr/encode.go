package cdr

import (
	"math"
	"slices"
	"strconv"
	"sync"
	"time"
)

// An encoder appends a record as JSON, as encoding/json does but a tenth of
// its time: two entries of every call are on the way of its messages. A figure
// that JSON cannot carry (NaN, ±Inf) becomes 0: no statistic is worth a lost
// record. What the fields are called is in their tags; a test holds the two
// together.
type encoder struct {
	b       []byte
	changed bool // what was written reads back as something else
	err     error
	day     day // of the time written last
}

// encoders are those that nobody uses.
type encoders struct{ pool sync.Pool }

// keptEncoder is the most room that one may have to be used again.
const keptEncoder = 16 << 10

func (p *encoders) frame(mark Mark, r *Record, at time.Time) (frame []byte, exact bool, err error) {
	e, _ := p.pool.Get().(*encoder)
	if e == nil {
		e = &encoder{b: make([]byte, 0, 4<<10)}
	}
	frame, exact, err = e.frame(mark, r, at)
	if cap(e.b) <= keptEncoder {
		p.pool.Put(e)
	}
	return frame, exact, err
}

// AppendJSON appends r as JSON to b. Octets that are no UTF-8 become U+FFFD.
func (r *Received) AppendJSON(b []byte) []byte {
	e := encoder{b: slices.Grow(b, usualJSON)}
	e.received(r)
	return e.b
}

// AppendJSON appends m as JSON to b, null when m is nil. A figure that JSON
// cannot carry becomes 0, nil streams an empty list.
func (m *Media) AppendJSON(b []byte) []byte {
	e := encoder{b: slices.Grow(b, usualJSON)}
	e.media(m)
	return e.b
}

// usualJSON is the room that most of what a caller sent, or the figures of two
// streams, fits into.
const usualJSON = 1 << 10

func (e *encoder) record(r *Record) {
	e.text(`{"call_id":`, r.CallID)
	e.text(`,"node_id":`, r.NodeID)
	e.raw(`,"received":`)
	e.received(&r.Received)
	e.text(`,"caller":`, r.Caller)
	e.text(`,"called":`, r.Called)
	e.textOf(`,"inbound_trunk":`, r.InboundTrunk)
	e.textOf(`,"outbound_trunk":`, r.OutboundTrunk)
	e.time(`,"started_at":`, &r.StartedAt)
	e.time(`,"ringing_at":`, r.RingingAt)
	e.time(`,"answered_at":`, r.AnsweredAt)
	e.time(`,"ended_at":`, r.EndedAt)
	e.int(`,"duration_ms":`, r.DurationMS)
	e.int(`,"billable_ms":`, r.BillableMS)
	intOf(e, `,"pdd_ms":`, r.PDDMS)
	intOf(e, `,"sip_status":`, r.SIPStatus)
	intOf(e, `,"q850_cause":`, r.Q850Cause)
	e.textOf(`,"hung_up_by":`, (*string)(r.HungUpBy))
	e.textOf(`,"end_reason":`, (*string)(r.EndReason))
	e.int(`,"policy_revision":`, r.PolicyRevision)
	e.raw(`,"media":`)
	e.media(r.Media)
	openList(e, `,"related_calls":`, r.RelatedCalls)
	for i := range r.RelatedCalls {
		e.next(i)
		e.related(&r.RelatedCalls[i])
	}
	openList(e, `],"attempts":`, r.Attempts)
	for i := range r.Attempts {
		e.next(i)
		e.attempt(&r.Attempts[i])
	}
	e.raw(`]}`)
}

func (e *encoder) received(r *Received) {
	e.text(`{"source":`, r.Source)
	e.text(`,"listener":`, r.Listener)
	e.text(`,"transport":`, r.Transport)
	e.text(`,"sip_call_id":`, r.SIPCallID)
	e.text(`,"request_uri":`, r.RequestURI)
	e.text(`,"caller":`, r.Caller)
	e.text(`,"called":`, r.Called)
	e.text(`,"from":`, r.From)
	e.text(`,"to":`, r.To)
	e.text(`,"p_asserted_identity":`, r.PAssertedIdentity)
	e.text(`,"p_preferred_identity":`, r.PPreferredIdentity)
	e.text(`,"remote_party_id":`, r.RemotePartyID)
	e.text(`,"diversion":`, r.Diversion)
	e.text(`,"privacy":`, r.Privacy)
	e.text(`,"user_agent":`, r.UserAgent)
	e.raw(`}`)
}

func (e *encoder) media(m *Media) {
	if m == nil {
		e.raw(`null`)
		return
	}
	e.text(`{"mode":`, m.Mode)
	openList(e, `,"streams":`, m.Streams)
	for i := range m.Streams {
		e.next(i)
		e.stream(&m.Streams[i])
	}
	e.raw(`]}`)
}

func (e *encoder) stream(s *Stream) {
	e.int(`{"index":`, int64(s.Index))
	e.text(`,"kind":`, s.Kind)
	e.text(`,"from":`, s.From)
	e.text(`,"local":`, s.Local)
	e.text(`,"remote":`, s.Remote)
	e.uint(`,"ssrc":`, uint64(s.SSRC))
	e.int(`,"payload_type":`, int64(s.PayloadType))
	e.uint(`,"packets":`, s.Packets)
	e.uint(`,"octets":`, s.Octets)
	e.int(`,"lost":`, s.Lost)
	e.float(`,"jitter_ms":`, s.JitterMS)
	e.uint(`,"dropped":`, s.Dropped)
	e.uint(`,"rtcp_packets":`, s.RTCPPackets)
	e.raw(`}`)
}

func (e *encoder) related(r *RelatedCall) {
	e.text(`{"call_id":`, r.CallID)
	e.text(`,"relation":`, r.Relation)
	e.raw(`}`)
}

func (e *encoder) attempt(a *Attempt) {
	e.int(`{"attempt_no":`, int64(a.AttemptNo))
	e.text(`,"reason":`, string(a.Reason))
	e.text(`,"trunk":`, a.Trunk)
	e.text(`,"gateway":`, a.Gateway)
	e.text(`,"sent":{"sip_call_id":`, a.Sent.SIPCallID)
	e.text(`,"request_uri":`, a.Sent.RequestURI)
	e.text(`,"destination":`, a.Sent.Destination)
	e.text(`,"caller":`, a.Sent.Caller)
	e.text(`,"called":`, a.Sent.Called)
	e.time(`},"started_at":`, &a.StartedAt)
	e.time(`,"ringing_at":`, a.RingingAt)
	e.time(`,"answered_at":`, a.AnsweredAt)
	e.time(`,"ended_at":`, a.EndedAt)
	e.int(`,"billable_ms":`, a.BillableMS)
	intOf(e, `,"sip_status":`, a.SIPStatus)
	e.textOf(`,"end_reason":`, (*string)(a.EndReason))
	e.raw(`}`)
}

func (e *encoder) raw(s string) { e.b = append(e.b, s...) }

func (e *encoder) int(key string, v int64) {
	e.raw(key)
	e.b = strconv.AppendInt(e.b, v, 10)
}

func (e *encoder) uint(key string, v uint64) {
	e.raw(key)
	e.b = strconv.AppendUint(e.b, v, 10)
}

func (e *encoder) float(key string, v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		v, e.changed = 0, true
	}
	e.raw(key)
	e.b = strconv.AppendFloat(e.b, v, 'g', -1, 64)
}

func (e *encoder) textOf(key string, s *string) {
	if s == nil {
		e.raw(key)
		e.raw(`null`)
		return
	}
	e.text(key, *s)
}

func intOf[T int | int64](e *encoder, key string, v *T) {
	if v == nil {
		e.raw(key)
		e.raw(`null`)
		return
	}
	e.int(key, int64(*v))
}

// openList begins the array of items; nil becomes an empty one, which is what
// the schema says. next stands before the item at i.
func openList[T any](e *encoder, key string, items []T) {
	e.changed = e.changed || items == nil
	e.raw(key)
	e.raw(`[`)
}

func (e *encoder) next(i int) {
	if i > 0 {
		e.raw(`,`)
	}
}
