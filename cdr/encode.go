package cdr

import (
	"math"
	"slices"
	"strconv"
	"time"
)

// An encoder appends parts of a record as JSON, as encoding/json does but in a
// tenth of its time: every row of the store has three. A figure that JSON cannot
// carry (NaN, ±Inf) becomes 0: no statistic is worth a lost record. What the
// fields are called is in their tags; a test holds the two together.
type encoder struct{ b []byte }

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

// AppendAttempts appends list as JSON to b, an empty list when it is nil. Times
// are UTC, cut to microseconds; their years must be 0 to 9999 (RFC 3339).
func AppendAttempts(b []byte, list []Attempt) []byte {
	e := encoder{b: slices.Grow(b, usualJSON)}
	e.raw(`[`)
	for i := range list {
		e.next(i)
		e.attempt(&list[i])
	}
	e.raw(`]`)
	return e.b
}

// usualJSON is the room that most of what a caller sent, the figures of two
// streams, or an attempt or two fit into.
const usualJSON = 1 << 10

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
	e.raw(`,"streams":[`)
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
	if e.known(`,"sip_status":`, a.SIPStatus != nil) {
		e.int(``, int64(*a.SIPStatus))
	}
	if e.known(`,"end_reason":`, a.EndReason != nil) {
		e.text(``, string(*a.EndReason))
	}
	e.raw(`}`)
}

// known writes the key of what may not have happened, and null when it did not.
func (e *encoder) known(key string, yes bool) bool {
	e.raw(key)
	if !yes {
		e.raw(`null`)
	}
	return yes
}

// time writes a time, null for nil.
func (e *encoder) time(key string, t *time.Time) {
	if e.known(key, t != nil) {
		e.raw(`"`)
		e.b = t.UTC().Truncate(time.Microsecond).AppendFormat(e.b, time.RFC3339Nano)
		e.raw(`"`)
	}
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
		v = 0
	}
	e.raw(key)
	e.b = strconv.AppendFloat(e.b, v, 'g', -1, 64)
}

// next stands before the item of a list at i.
func (e *encoder) next(i int) {
	if i > 0 {
		e.raw(`,`)
	}
}
