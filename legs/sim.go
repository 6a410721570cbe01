package legs

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"time"

	"b2bua/legs/shard"
	"b2bua/legs/transport"
)

// A Sim is a [Stack] for tests, without sockets, goroutines or chance: what it
// says goes to a function, what it hears comes through Hear, time passes when
// Advance is called, and its ids are the same in every run. What it gives back for
// use is spoiled, so that who has kept it is found out. It is used from one
// goroutine.
type Sim struct {
	*Stack
	send  func(transport.Outgoing)
	seeds uint64
}

// Simulate is [Start] for tests. Config.Listeners must name IP addresses and
// ports; Config.Now is asked for the time until the first Advance. send is called
// for every message, at the time that Now tells, and must not call the Sim.
func Simulate(cfg Config, send func(transport.Outgoing)) (*Sim, error) {
	stack, err := newStack(cfg)
	if err != nil {
		return nil, err
	}
	s := &Sim{Stack: stack, send: send}
	stack.memory.spoil, stack.images.spoil = spoiled, true
	stack.newSeed = func(id shard.ID) shard.Seed {
		s.seeds++
		return shard.Seed{Key: [16]byte{byte(s.seeds), byte(s.seeds >> 8), byte(s.seeds >> 16)}, Node: cfg.Node, Shard: id}
	}
	listeners := make([]transport.Listener, len(cfg.Listeners))
	for i, lc := range cfg.Listeners {
		ep, err := transport.ParseURL(lc.URL)
		if err != nil {
			return nil, fmt.Errorf("legs: %w", err)
		}
		listeners[i] = transport.Listener{
			URL: lc.URL, Network: lc.Network, Transport: ep.Transport, Addr: ep.Addr, Advertise: ep.Addr.String(),
		}
	}
	stack.serve(simWire{s}, listeners)
	return s, nil
}

// Hear gives the stack a datagram, and returns when all that follows from it at
// this time has happened.
func (s *Sim) Hear(from transport.Flow, raw []byte) {
	s.receive([]transport.Packet{{Flow: from, Data: raw, At: s.Now()}})
}

// Now is the time of the stack.
func (s *Sim) Now() time.Time { return s.shards.Now() }

// Next is when the stack has to do something of its own accord, or may have to;
// ok is false when it never has.
func (s *Sim) Next() (at time.Time, ok bool) { return s.shards.Next() }

// Advance lets time pass, with all that happens on the way.
func (s *Sim) Advance(now time.Time) { s.shards.Advance(now) }

// Left is an error that names what the stack still remembers, nil when that is
// nothing.
func (s *Sim) Left() error {
	f, err := s.Figures(context.Background())
	if err != nil {
		return err
	}
	timers, inHand := 0, 0
	for _, c := range &s.cores {
		timers += c.shard.Wheel.Len()
		if len(c.events) != 0 || len(c.out) != 0 || c.leg != nil || c.hand != nil || c.owner != nil {
			inHand++
		}
	}
	if f != (Figures{}) || timers != 0 || inHand != 0 {
		return fmt.Errorf("legs: %+v, %d timers, %d shards with something in hand", f, timers, inHand)
	}
	return nil
}

// simWire is the wire of a Sim.
type simWire struct{ *Sim }

func (w simWire) Write(batch []transport.Outgoing) {
	for _, o := range batch {
		o.Data = bytes.Clone(o.Data) // to be kept
		w.send(o)
	}
}

// Select picks the first listener of the network and the family.
func (w simWire) Select(network, proto string, dst netip.AddrPort) (listener int, ok bool) {
	for i, l := range w.listeners {
		if l.Network == network && l.Transport == proto && l.Addr.Addr().Is4() == dst.Addr().Is4() {
			return i, true
		}
	}
	return 0, false
}

// Connect finds every connection there.
func (w simWire) Connect(f transport.Flow, _ time.Duration, _ func(transport.Flow, error)) (transport.Flow, bool, error) {
	return f, true, nil
}

func (w simWire) Close() error { return nil }
