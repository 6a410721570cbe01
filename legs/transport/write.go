package transport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// ErrFlow is the error of a message whose flow leads nowhere: an unknown
// listener, no peer, a peer of another address family, or a connection over UDP.
var ErrFlow = errors.New("transport: no such flow")

// Write sends a batch. Messages to one peer leave in their order; Data is read
// before Write returns and not kept. It does not wait: a datagram for which the
// kernel has no room is lost and counted, as it would be one router further on,
// and the retransmission finds it. Every other failure goes to Config.SendError
// before Write returns.
//
// Over a stream the message waits, in its place, when the peer has no room: Data
// is kept until it is sent, and SendError may come later, from a goroutine of the
// Set. See [Outgoing] for what becomes of it when the connection is gone.
func (s *Set) Write(batch []Outgoing) {
	w := s.writers.Get().(*writer)
	defer s.writers.Put(w)
	for i := range batch {
		if err := s.check(&batch[i]); err != nil {
			s.sendFailed(&batch[i], err)
		}
	}
	for i, g := range s.groups {
		if g.stream() {
			s.writeStreams(i, batch)
			continue
		}
		// Any socket of the group has the right source address; a random one
		// keeps writers out of each other's way.
		sock := g.sockets[rand.IntN(len(g.sockets))]
		for j := range batch {
			out := &batch[j]
			if out.Flow.Listener != i || s.check(out) != nil {
				continue
			}
			if w.add(out); w.full() {
				s.send(i, sock, w)
			}
		}
		s.send(i, sock, w)
	}
}

func (s *Set) check(out *Outgoing) error {
	f := out.Flow
	switch {
	case f.Listener < 0 || f.Listener >= len(s.groups):
		return fmt.Errorf("%w: listener %d", ErrFlow, f.Listener)
	case f.Conn != 0 && !s.groups[f.Listener].stream():
		return fmt.Errorf("%w: connection %d", ErrFlow, f.Conn)
	case !f.Peer.IsValid() || f.Peer.Port() == 0:
		return fmt.Errorf("%w: peer %v", ErrFlow, f.Peer)
	case f.Peer.Addr().Unmap().Is4() != s.groups[f.Listener].v4:
		return fmt.Errorf("%w: %v from %v", ErrFlow, f.Peer, s.listeners[f.Listener].Addr)
	}
	return nil
}

// sendTries is how often a message is tried. What ICMP says of one datagram the
// kernel hands to whoever uses the socket next, so a failure may be another
// message's; and while such errors are taken off the queue, the next one stands
// in its place. An error of the message's own comes every time.
const sendTries = 16

// send empties the writer. A message that fails is taken out and the rest goes
// on.
func (s *Set) send(listener int, sock *socket, w *writer) {
	m := s.cfg.Metrics
	defer w.reset()
	for tries := 1; w.left() > 0; {
		n, bytes, err := w.write(sock)
		m.sent.Add(float64(n))
		m.sentBytes.Add(float64(bytes))
		others := isPending(err) && !isCongestion(err)
		if others || err == nil && w.left() > 0 { // sendmmsg that has sent something does not say what stopped it
			_ = s.undeliverable(listener, sock) // a socket that fails fails in write, too
		}
		if others && tries < sendTries {
			tries++
			continue
		}
		tries = 1
		switch {
		case err == nil:
		case isCongestion(err):
			m.congestion.Inc()
			w.skip()
		case errors.Is(err, net.ErrClosed):
			s.sendFailed(w.skip(), net.ErrClosed)
		default:
			s.sendFailed(w.skip(), err)
		}
	}
}

func (s *Set) sendFailed(out *Outgoing, err error) {
	s.cfg.Metrics.sendErrors.Inc()
	s.cfg.SendError(*out, err)
}
