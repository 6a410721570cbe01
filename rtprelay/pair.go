package rtprelay

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// maxBindTries is how many port pairs Open tries when other processes hold
// those it gets, or strangers keep sending to them. Each costs a few system
// calls.
const maxBindTries = 32

// What may come to a spare pair before its sockets are rather closed: then the
// network tells the sender that nobody is here, and we hear no more of it.
const (
	maxStrays = 50 // datagrams while it rests or lies ready: a second of voice
	maxLate   = 16 // datagrams that wait in one socket when the pair is taken
)

// A pair is an even/odd port pair with its two sockets, bound and watched by
// one worker. It serves one stream after the other: between two it is spare,
// in its worker's stock, where the worker throws away what comes for it.
// Opening and closing four sockets costs more than all else about a call.
//
// No datagram passes from one stream to the next: the one that ends leaves the
// sockets unconnected, the quarantine is as long as without them, and who takes
// the pair first empties both, errors of ICMP included.
type pair struct {
	// set once
	port  uint16 // local, of RTP; RTCP has the next one
	token uint64 // of the RTP socket, see slots
	ports *ports
	rtp   socket
	rtcp  socket

	// the worker's, which alone closes the sockets once it knows them
	stream *Stream // whom they serve; nil = nobody
	strays int     // datagrams thrown away since the last stream
	known  bool    // it knows them; read by who has taken the pair

	// the stock's
	next  *pair
	ready time.Duration // when the quarantine is over
	place int           // among the ready ones; -1 = it rests, or is not in the stock
}

// empty throws away what has come while the pair was nobody's, and reports
// whether that was all. Any goroutine may call it that has taken the pair.
func (p *pair) empty() bool { return p.rtp.empty(maxLate) && p.rtcp.empty(maxLate) }

// rest makes the pair fit for another stream, if that is possible.
func (p *pair) rest() bool { return p.rtp.rest() && p.rtcp.rest() }

// close closes the sockets.
func (p *pair) close() {
	p.rtp.close()
	p.rtcp.close()
}

// acquire takes a spare pair, or opens one. Any goroutine may call it. On
// failure everything has been given back.
func (w *worker) acquire(from *ports) (*pair, error) {
	relay, shed := w.relay, false
	var conflict error
	for range maxBindTries {
		now := relay.now()
		p, port := from.take(w.index, now)
		switch {
		case p != nil:
			relay.spare.Add(-2)
			if p.empty() {
				relay.cfg.Metrics.reused.Inc()
				return p, nil
			}
			if !w.post(releasing{p}) {
				w.disown(p)
				return nil, ErrClosed
			}
			conflict = errSpammed
			continue
		case port == 0:
			free, used, quarantined := from.count(now)
			if free > 0 && !shed { // other workers have them
				shed = true
				relay.shed()
				continue
			}
			return nil, fmt.Errorf("%w on %v: %d free, %d in use, %d in quarantine",
				ErrNoPorts, from.address, free, used, quarantined)
		}
		p, err := w.openPair(from, port)
		switch {
		case err == nil:
			relay.cfg.Metrics.opened.Inc()
			return p, nil
		case errors.Is(err, errPortTaken):
			relay.cfg.Metrics.portConflicts.Inc()
			from.release(port, now+max(relay.cfg.Quarantine, 0))
			conflict = err
		case errors.Is(err, ErrNoDescriptors) && !shed && relay.spare.Load() > 0:
			from.putBack(port)
			shed = true
			relay.shed()
		default:
			from.putBack(port)
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w on %v: others hold the %d pairs tried: %w", ErrNoPorts, from.address, maxBindTries, conflict)
}

// openPair binds two ports. Any goroutine may call it.
func (w *worker) openPair(from *ports, port uint16) (*pair, error) {
	p := &pair{port: port, token: w.slots.take(), ports: from, place: -1}
	var err error
	if p.rtp, err = w.poll.open(netip.AddrPortFrom(from.address, port), p.token); err == nil {
		if p.rtcp, err = w.poll.open(netip.AddrPortFrom(from.address, port+1), p.token|1); err == nil {
			return p, nil
		}
		p.rtp.close()
	}
	w.slots.release(p.token)
	return nil, err
}

// own makes a pair known to the worker, once.
func (w *worker) own(p *pair) {
	slot := int(slotOf(p.token))
	if slot >= len(w.pairs) {
		w.pairs = append(w.pairs, make([]*pair, slot+1-len(w.pairs))...)
	}
	if p.known {
		return
	}
	p.known = true
	w.pairs[slot] = p
	p.rtp.start()
	p.rtcp.start()
}

// disown gives back a pair that was acquired and that the worker, which is
// stopping, will not hear of. Sockets that it knows it closes itself.
func (w *worker) disown(p *pair) {
	if !p.known {
		p.close()
		w.slots.release(p.token)
	}
	p.ports.putBack(p.port)
}

// closeAll closes all sockets there are: the worker stops.
func (w *worker) closeAll() {
	w.closeSpares(len(w.pairs), w.relay.now())
	for _, p := range w.pairs {
		if p != nil {
			p.close()
		}
	}
}
