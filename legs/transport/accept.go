package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// A rejection is why a connection was not taken, or not dialled.
type rejection uint8

const (
	refusedTotal rejection = iota + 1
	refusedSource
	refusedStranger
	refusedDials
	refusedClosed
	rejections
)

func (r rejection) String() string {
	return [rejections]string{"", "total", "source", "strangers", "dials", "closed"}[r]
}

// listenTCP binds a listener of its own address family.
func listenTCP(addr netip.AddrPort, keepAlive time.Duration) (*net.TCPListener, error) {
	network := "tcp4"
	if addr.Addr().Is6() {
		network = "tcp6" // and IPV6_V6ONLY with it
	}
	lc := net.ListenConfig{KeepAliveConfig: probes(keepAlive)}
	l, err := lc.Listen(context.Background(), network, addr.String())
	if err != nil {
		return nil, err
	}
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return nil, errors.Join(fmt.Errorf("unexpected listener %T", l), l.Close())
	}
	return tcp, nil
}

// probes finds a peer that has vanished within three intervals more.
func probes(every time.Duration) net.KeepAliveConfig {
	if every < 0 {
		return net.KeepAliveConfig{}
	}
	return net.KeepAliveConfig{Enable: true, Idle: every, Interval: every, Count: 3}
}

// accept takes connections for as long as the listener is open, and ends for no
// other reason.
func (s *Set) accept(listener int, l net.Listener) {
	failures := 0
	var said quiet
	for {
		nc, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			s.cfg.Metrics.readErrors.Inc()
			if said.mayLog(time.Now()) {
				s.cfg.Logger.Warn("cannot accept connections", "listen", s.listeners[listener].URL, "error", err)
			}
			if failures++; failures > freeErrors {
				s.pool.pause(errorPause)
			}
		default:
			failures = 0
			s.welcome(listener, nc)
		}
	}
}

// welcome lets a connection in, unless there are too many.
func (s *Set) welcome(listener int, nc net.Conn) {
	m := s.cfg.Metrics.streams
	peer := addrOf(nc.RemoteAddr())
	known := false
	s.fenced(func() { known = s.cfg.Streams.Known(peer.Addr()) })
	if _, why := s.admit(listener, nc, peer, known); why != 0 {
		m.refused[why].Inc()
		if tcp, ok := nc.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // no state of the kernel's for who is not let in
		}
		_ = nc.Close()
		return
	}
	m.opened[0].Inc()
}

func addrOf(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
