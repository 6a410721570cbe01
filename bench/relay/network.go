package main

import "net/netip"

// The three namespaces and their addresses, of the range for benchmarks (RFC
// 2544 C.2.2):
//
//	caller  198.18.1.2 -- veth -- 198.18.1.1  relay  198.18.2.1 -- veth -- 198.18.2.2  called
var (
	callerAddress = netip.AddrFrom4([4]byte{198, 18, 1, 2})
	relayToCaller = netip.AddrFrom4([4]byte{198, 18, 1, 1})
	relayToCalled = netip.AddrFrom4([4]byte{198, 18, 2, 1})
	calledAddress = netip.AddrFrom4([4]byte{198, 18, 2, 2})
)

// mediaPort is where each side has its media, for all calls: the relay has a
// port for each, and cannot tell one peer from many behind one port.
const mediaPort = 20000
