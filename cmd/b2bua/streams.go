package main

import (
	"net/netip"

	"b2bua/legs/transport"
)

// streams bounds the connections. Those whom the policy in force knows have more
// of them than strangers.
func (s *server) streams() transport.StreamConfig {
	t := s.cfg.SIP.TCP
	return transport.StreamConfig{
		Connections: t.MaxConnections, PerSource: t.MaxPerSource, Dials: t.MaxDials,
		DialTimeout: t.ConnectTimeout, IdleTimeout: t.IdleTimeout,
		MessageTimeout: t.MessageTimeout, WriteTimeout: t.WriteTimeout,
		KeepAlive:  offWhenZero(t.KeepAlive),
		WriteQueue: t.WriteQueue, MaxMessage: t.MaxMessage,
		Known: func(a netip.Addr) bool { return s.engine.Load().Knows(a) },
	}
}
