//go:build !linux

package transport

import "net/netip"

// An errqueue is always empty: only Linux tells which datagram an error is
// about.
type errqueue struct{}

// Its size has no meaning.
const errBatch, errRounds = 1, 1

func newErrqueue() *errqueue { return &errqueue{} }

func (*errqueue) read(*socket) (int, error) { return 0, nil }

func (*errqueue) at(int) ([]byte, netip.AddrPort, *ICMPError, bool) {
	return nil, netip.AddrPort{}, nil, false
}
