package legs

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/netip"

	"b2bua/legs/shard"
	"b2bua/legs/sipmsg"
	"b2bua/legs/transport"
	"b2bua/policy"
)

// receive is the way of every datagram: parse, identify, find the shard. It
// runs in the reader's goroutine, and so does the shard unless it is busy.
func (s *Stack) receive(batch []transport.Packet) {
	for i := range batch {
		s.receiveOne(&batch[i])
	}
}

func (s *Stack) receiveOne(pkt *transport.Packet) {
	if keepAlive(pkt.Data) {
		return
	}
	m, err := sipmsg.Parse(pkt.Data)
	if err != nil {
		s.malformed(pkt.Flow, err)
		return
	}
	if !m.IsRequest() {
		s.receiveResponse(pkt.Flow, m)
		return
	}
	sipmsg.StampReceived(m, pkt.Flow.Peer)
	s.metrics.requests.WithLabelValues("received", methodLabel(m.Method)).Inc()
	s.receiveRequest(pkt.Flow, m)
}

// keepAlive recognises the CRLF of RFC 5626 §3.5.1 and empty datagrams.
func keepAlive(b []byte) bool { return len(bytes.TrimLeft(b, "\r\n\x00")) == 0 }

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
	s.stateless(flow, sipmsg.NewResponse(e.Message, e.Status, e.Reason, statelessTag(e.Message)))
}

func (s *Stack) receiveResponse(flow transport.Flow, m *sipmsg.Message) {
	if len(m.Vias) != 1 { // RFC 3261 §8.1.3.3: not ours
		s.metrics.strays.WithLabelValues("response").Inc()
		return
	}
	_, id, ok := shard.Owner(m.Vias[0].Branch())
	if !ok {
		s.metrics.strays.WithLabelValues("response").Inc()
		return
	}
	s.shards.Enqueue(id, shard.InDialog, &packet{flow: flow, msg: m})
}

func (s *Stack) receiveRequest(flow transport.Flow, m *sipmsg.Message) {
	if tag := m.To.Tag(); tag != "" {
		_, id, ok := shard.Owner(tag)
		switch {
		case ok:
			s.shards.Enqueue(id, shard.InDialog, &packet{flow: flow, msg: m})
		case m.Method == "ACK":
			s.metrics.strays.WithLabelValues("ack").Inc()
		default:
			s.metrics.strays.WithLabelValues("dialog").Inc()
			s.stateless(flow, sipmsg.NewResponse(m, 481, "", ""))
		}
		return
	}
	if m.Method == "ACK" {
		s.metrics.strays.WithLabelValues("ack").Inc()
		return
	}
	trunk, ok := s.identify(flow)
	if !ok {
		s.metrics.refused.WithLabelValues("unknown_source").Inc()
		if s.cfg.RejectUnknown[s.listeners[flow.Listener].Network] {
			s.stateless(flow, sipmsg.NewResponse(m, 403, "", statelessTag(m)))
		}
		return
	}
	if s.shards.Enqueue(home(m), shard.New, &packet{flow: flow, msg: m, trunk: trunk}) {
		return
	}
	s.metrics.refused.WithLabelValues("overload").Inc()
	if m.Method == "INVITE" { // others are dropped: they will be sent again
		r := sipmsg.NewResponse(m, 503, "", statelessTag(m))
		r.Headers = append(r.Headers, retryAfter(2+rand.IntN(9))) //nolint:gosec // only spreads the peers
		s.stateless(flow, r)
	}
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

// stateless sends a response without remembering anything (RFC 3261 §8.2.7).
func (s *Stack) stateless(flow transport.Flow, m *sipmsg.Message) {
	raw, err := m.Bytes()
	if err != nil {
		return
	}
	s.metrics.responses.WithLabelValues("sent", methodLabel(m.Method), class(m.Status)).Inc()
	flow.Peer = sipmsg.ResponseDestination(m.Vias[0], flow.Peer)
	s.transport.Write([]transport.Outgoing{{Flow: flow, Data: raw}})
}

// statelessTag is the same for every copy of a request, and no id of ours: the
// ACK that carries it back belongs to nobody.
func statelessTag(m *sipmsg.Message) string {
	const digits = "0123456789abcdef"
	h := uint64(14695981039346656037)
	for _, s := range [...]string{m.CallID, m.From.Tag(), m.Vias[0].Branch()} {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * 1099511628211
		}
	}
	var b [17]byte
	b[0] = 'x'
	for i := 1; i < len(b); i++ {
		b[i] = digits[h&15]
		h >>= 4
	}
	return string(b[:])
}

// sendError tells the transaction of a datagram that the kernel refused it.
func (s *Stack) sendError(o transport.Outgoing, err error) {
	s.log.Debug("a datagram could not be sent", "to", o.Flow.Peer, "err", err)
	method, branch, ok := requestOf(o.Data)
	if !ok || method == "ACK" {
		return
	}
	if _, id, ok := shard.Owner(branch); ok {
		s.Post(id, func(c *Core) { unsent{branch, method}.enter(c) })
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

// methodLabel keeps a peer from inventing metric labels.
func methodLabel(method string) string {
	switch method {
	case "INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "REGISTER", "PRACK", "UPDATE", "INFO", "REFER",
		"SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE":
		return method
	}
	return "other"
}

// SelectListener picks the listener of a network that reaches dest, for those
// who are not on a shard.
func (s *Stack) SelectListener(network string, dest netip.AddrPort) (listener int, ok bool) {
	return s.transport.Select(network, "udp", dest)
}
