package legs

import (
	"strconv"
	"time"

	"b2bua/legs/shard"
	"b2bua/legs/sipmsg"
)

// A usage is what both kinds of leg remember of their INVITE usage (RFC 5057).
// It is plain data.
type usage struct {
	State  State
	Seed   shard.Seed // every id of the leg comes from here
	Local  Local
	Remote Remote
	Dialog Dialog
	CSeq   uint32  // of the leg's INVITE
	Ours   bool    // we sent that, so the Call-ID is ours
	Reason string  // for the CANCEL or BYE to come
	Asked  *asked  // the peer's re-INVITE; nil when none is under way
	Asking *asking // ours, likewise
	Acks   []ack   // of 2xx to re-INVITEs of ours that may come again
}

// An ack is sent again for every copy of the 2xx that it acknowledges.
type ack struct {
	CSeq uint32
	Raw  []byte
	Hop  string
}

// table is the leg's own.
func (s *usage) table() *table {
	if s.Ours {
		return &outboundEdges
	}
	return &inboundEdges
}

// bye ends the dialog.
func (s *usage) bye(out *script) {
	s.Dialog.LocalCSeq++
	a := s.Dialog.request(out, "BYE", s.Dialog.LocalCSeq, &s.Local, &s.Seed)
	if s.Reason != "" {
		a.msg.with("Reason", s.Reason)
	}
	out.do(a)
}

// lost ends a confirmed dialog that the peer does not know any more, or does not
// serve: what it was asked has got 408, 481 or nothing (RFC 3261 §12.2.1.2).
func (s *usage) lost(out *script, status int) {
	to, ok := s.table().next(s.State, InLost)
	if !ok {
		return
	}
	s.State = to
	s.Reason = "SIP;cause=" + strconv.Itoa(status)
	out.event(Event{Kind: Lost, Status: status})
	s.drop(out)
	s.bye(out)
}

// drop ends the re-INVITEs of a leg that is hung up. The peer's gets 487 (RFC
// 3261 §15.1.2); a 2xx to ours will be acknowledged.
func (s *usage) drop(out *script) {
	if s.Asked != nil {
		s.askedHangup(out)
	}
	if s.Asking != nil {
		s.askingHangup(out)
	}
}

// insideDialog answers a request that no bridge needs to hear of.
func (s *usage) insideDialog(out *script, m *sipmsg.Message) *draft {
	return out.copied(insideDialog(m, &s.Dialog, s.State, &s.Local))
}

// fill gives a response what is ours to say.
func (s *usage) fill(d *draft, headers []sipmsg.Header, body Body) {
	if d.Status < 300 {
		d.at(&s.Local, s.Dialog.LocalTag)
		d.with("Allow", allow)
	}
	if s.Local.Product != "" {
		d.with("Server", s.Local.Product)
	}
	d.withAll(headers)
	d.ContentType, d.Body = body.Type, body.Data
}

// draw returns a number below n, from the leg's seed.
func (s *usage) draw(n int) int {
	h := uint64(14695981039346656037)
	for _, b := range []byte(s.Seed.Next()) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return int(h >> 33 % uint64(n)) //nolint:gosec // below n
}

// sooner is the earlier of two times, of which a zero one is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
