package rtprelay_test

import (
	"fmt"
	"net"
	"net/netip"

	"b2bua/rtprelay"
)

// A call with one m-line: a stream for each side, joined.
func Example() {
	relay, err := rtprelay.New(rtprelay.Config{
		Networks: map[string]rtprelay.Network{
			"default": {Addresses: []netip.Addr{netip.MustParseAddr("127.9.0.1")}, PortMin: 10000, PortMax: 10099},
		},
		Events: func(events []rtprelay.Event) {
			for _, e := range events {
				fmt.Println("call", e.Ref, e.Kind)
			}
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	session, _ := relay.Session(1, rtprelay.SessionConfig{Ref: 1})
	caller, _ := session.Open("default", false) // its LocalRTP goes into the answer to the caller
	called, _ := session.Open("default", false) // and this one's into the offer to the called side
	session.Join(caller, called)

	alice, _ := net.ListenPacket("udp", "127.9.0.2:0")
	bob, _ := net.ListenPacket("udp", "127.9.0.3:0")
	defer alice.Close()
	defer bob.Close()
	for stream, phone := range map[*rtprelay.Stream]net.PacketConn{caller: alice, called: bob} {
		stream.SetRemote(rtprelay.Remote{
			RTP: phone.LocalAddr().(*net.UDPAddr).AddrPort(), Mux: true, Send: true, Recv: true,
		})
	}

	packet := make([]byte, 172)
	packet[0], packet[1] = 0x80, 8 // RTP version 2, PCMA
	_, _ = alice.WriteTo(packet, net.UDPAddrFromAddrPort(caller.LocalRTP()))
	n, _, _ := bob.ReadFrom(make([]byte, 2048))
	fmt.Println("bob hears", n, "octets")

	session.Close()
	_ = relay.Close()
	fmt.Println("packets from the caller:", caller.Stats().Packets)
	fmt.Println("idle:", relay.Idle())

	// Unordered output:
	// call 1 latched
	// bob hears 172 octets
	// packets from the caller: 1
	// idle: true
}
