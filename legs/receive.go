package legs

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/netip"
	"runtime/debug"
	"strconv"
	"syscall"

	"b2bua/legs/shard"
	"b2bua/legs/sipmsg"
	"b2bua/legs/transport"
	"b2bua/policy"
)

// inbox is what one reader has read at a time.
type inbox = shard.Batch[input]

// receive is the way of every datagram: parse, identify, find the shard. It
// runs in the reader's goroutine, and so do the shards unless they are busy.
func (s *Stack) receive(batch []transport.Packet) {
	if !s.ready.Load() {
		return
	}
	in := s.shards.Batch()
	defer in.Run()
	for i := range batch {
		s.receiveOne(in, &batch[i])
	}
}

// receiveOne keeps a datagram that makes our code panic from taking the rest of
// its batch along.
func (s *Stack) receiveOne(in inbox, pkt *transport.Packet) {
	defer func() {
		if v := recover(); v != nil {
			s.metrics.panics.Inc()
			s.log.Error("panic over a datagram", "from", pkt.Flow.Peer, "panic", v, "stack", string(debug.Stack()))
		}
	}()
	if keepAlive(pkt.Data) {
		return
	}
	p := s.memory.packet()
	m, err := p.room.Parse(pkt.Data)
	p.flow, p.msg = pkt.Flow, m
	if pkt.Flaw != nil {
		err = unframed(m, err, pkt.Flaw)
	}
	if err != nil {
		s.malformed(pkt.Flow, err)
		s.reuse(p)
		return
	}
	taken := false
	if m.IsRequest() {
		p.room.StampReceived(pkt.Flow.Peer)
		s.metrics.request(received, m.Method)
		taken = s.receiveRequest(in, p)
	} else {
		taken = s.receiveResponse(in, p)
	}
	if !taken {
		s.reuse(p)
	}
}

// keepAlive recognises the CRLF of RFC 5626 §3.5.1 and empty datagrams.
func keepAlive(b []byte) bool { return len(bytes.TrimLeft(b, "\r\n\x00")) == 0 }

// unframed is the refusal of a message that has no end in its stream, as far as
// its header says whom to answer.
func unframed(m *sipmsg.Message, err, flaw error) error {
	var why, e *sipmsg.Error
	if !errors.As(flaw, &why) {
		return flaw
	}
	out := &sipmsg.Error{Status: why.Status, Reason: why.Reason}
	switch {
	case errors.As(err, &e):
		out.Message = e.Message
	case m != nil && m.IsRequest() && m.Method != "ACK":
		out.Message = m
	}
	return out
}

// malformed answers what can be answered, statelessly.
func (s *Stack) malformed(flow transport.Flow, err error) {
	var e *sipmsg.Error
	if !errors.As(err, &e) {
		return
	}
	s.metrics.malformed.WithLabelValues(class(e.Status)).Inc()
	if e.Message == nil {
		return
	}
	if _, ok := s.identify(flow); !ok {
		return // a stranger's rubbish is not worth a datagram
	}
	sipmsg.StampReceived(e.Message, flow.Peer)
	s.refuse(flow, sipmsg.NewResponse(e.Message, e.Status, e.Reason, statelessTag(e.Message)))
}

// receiveResponse reports whether a shard has taken the packet.
func (s *Stack) receiveResponse(in inbox, p *packet) (taken bool) {
	if len(p.msg.Vias) == 1 { // RFC 3261 §8.1.3.3: else not ours
		if _, id, ok := shard.Owner(p.msg.Vias[0].Branch()); ok {
			return s.enqueue(in, id, shard.InDialog, p)
		}
	}
	s.metrics.strays.WithLabelValues("response").Inc()
	return false
}

// receiveRequest sends a request to the shard of the dialog that its To tag
// names, and reports whether that has taken it. Without a tag of ours, who is
// calling comes first.
func (s *Stack) receiveRequest(in inbox, p *packet) (taken bool) {
	m, flow := p.msg, p.flow
	tag := m.To.Tag()
	if _, id, ours := shard.Owner(tag); ours {
		return s.enqueue(in, id, shard.InDialog, p)
	}
	if m.Method == "ACK" { // of a refusal that nobody remembers
		s.metrics.strays.WithLabelValues("ack").Inc()
		return false
	}
	trunk, ok := s.identify(flow)
	switch {
	case !ok:
		s.metrics.refused.WithLabelValues("unknown_source").Inc()
		if s.cfg.RejectUnknown[s.listeners[flow.Listener].Network] {
			s.refuse(flow, sipmsg.NewResponse(m, 403, "", statelessTag(m)))
		}
	case tag != "":
		s.metrics.strays.WithLabelValues("dialog").Inc()
		s.refuse(flow, sipmsg.NewResponse(m, 481, "", ""))
	default:
		p.trunk = trunk
		return s.admit(in, p)
	}
	return false
}

// admit lets a request outside any dialog in, unless its shard has more than it
// can do: then an INVITE hears 503, and others nothing, for they will be sent
// again. An INVITE that has been let in before hears nothing either: the 503
// would end a call that is being served.
func (s *Stack) admit(in inbox, p *packet) (taken bool) {
	m := p.msg
	mark := s.recent.mark(m)
	known := s.recent.has(mark)
	if !known {
		s.recent.add(mark) // before it is served, which may take the reader a while
	}
	if s.enqueue(in, home(m), shard.New, p) {
		return true
	}
	if known {
		s.metrics.retransmissions.WithLabelValues("received").Inc()
		return false
	}
	s.recent.remove(mark)
	s.metrics.refused.WithLabelValues("overload").Inc()
	if m.Method == "INVITE" {
		r := sipmsg.NewResponse(m, 503, "", statelessTag(m))
		s.refuse(p.flow, with(r, "Retry-After", strconv.Itoa(2+rand.IntN(9)))) //nolint:gosec // only spreads the peers
	}
	return false
}

// enqueue gives a packet to its shard. Over a stream it waits for room, and with it
// the peer: what is dropped there does not come again.
func (s *Stack) enqueue(in inbox, id shard.ID, q shard.Queue, p *packet) bool {
	if p.flow.Conn != 0 {
		return in.EnqueueWithin(id, q, p, s.cfg.RoomWait)
	}
	return in.Enqueue(id, q, p)
}

// home is the shard of a request that opens something. A From tag of ours is a
// call that came back to us: it goes where its leg is, which can then tell a
// loop from a spiral.
func home(m *sipmsg.Message) shard.ID {
	if _, id, ok := shard.Owner(m.From.Tag()); ok {
		return id
	}
	return shard.Of(m.CallID, m.From.Tag())
}

func (s *Stack) identify(flow transport.Flow) (*policy.Trunk, bool) {
	l := &s.listeners[flow.Listener]
	return s.cfg.Identify(policy.Source{Addr: flow.Peer, Listener: l.URL, Network: l.Network, Transport: l.Transport})
}

// refuse sends a response without remembering anything.
func (s *Stack) refuse(flow transport.Flow, m *sipmsg.Message) {
	if out, ok := s.stateless(flow, m); ok {
		s.wire.Write([]transport.Outgoing{out})
	}
}

// stateless writes a response that no transaction knows of (RFC 3261 §8.2.7).
func (s *Stack) stateless(flow transport.Flow, m *sipmsg.Message) (transport.Outgoing, bool) {
	raw, err := m.Bytes()
	if err != nil {
		return transport.Outgoing{}, false
	}
	s.metrics.response(sent, m.Method, m.Status)
	flow.Peer = responsePeer(flow, &m.Vias[0])
	return transport.Outgoing{Flow: flow, Data: raw}, true
}

// responsePeer is where a response goes: over a stream, when the connection that
// the request came by is gone (RFC 3261 §18.2.2).
func responsePeer(f transport.Flow, via *sipmsg.Via) netip.AddrPort {
	if f.Conn != 0 {
		return sipmsg.ReconnectDestination(*via, f.Peer)
	}
	return sipmsg.ResponseDestination(*via, f.Peer)
}

// sendError tells the transaction of a request that the kernel refused it, or
// that it has not arrived. Nobody waits for a response or an ACK: those who do
// not get one ask again.
func (s *Stack) sendError(o transport.Outgoing, err error) {
	if !s.ready.Load() {
		return // it is about a process before this one
	}
	s.log.Debug("a message was not delivered", "to", o.Flow.Peer, "err", err)
	if errors.Is(err, transport.ErrGone) {
		s.connectionLost(o.Flow, err)
	}
	method, branch, ok := requestOf(o.Data)
	if !ok || method == "ACK" {
		return
	}
	if _, id, ok := shard.Owner(branch); ok {
		s.shards.Admit(id, unsent{branch, method, o.Flow.Peer, errors.Is(err, syscall.EMSGSIZE), o.Flow.Conn})
	}
}

// requestOf reads method and branch back from a request that we wrote.
func requestOf(raw []byte) (method, branch string, ok bool) {
	line, rest, ok := bytes.Cut(raw, []byte(" "))
	if !ok || bytes.HasPrefix(line, []byte("SIP/2.0")) {
		return "", "", false
	}
	_, rest, ok = bytes.Cut(rest, []byte(";branch="))
	if !ok {
		return "", "", false
	}
	end := bytes.IndexAny(rest, ";\r")
	if end < 0 {
		return "", "", false
	}
	return string(line), string(rest[:end]), true
}
