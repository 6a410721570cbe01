//go:build !linux

package transport

import "net/netip"

// An errqueue is always empty: only Linux tells which datagram an error is
// about.
type errqueue struct{}

func newErrqueue(*socket) *errqueue { return &errqueue{} }

func (*errqueue) read() (int, error) { return 0, nil }

func (*errqueue) at(int) ([]byte, netip.AddrPort, *ICMPError, bool) {
	return nil, netip.AddrPort{}, nil, false
}
