package legs

import (
	"net/netip"
	"testing"
	"time"

	"b2bua/legs/shard"
	"b2bua/legs/transport"
)

// What is remembered of targets ends in time, and is bounded.
func TestTCPless(t *testing.T) {
	t.Parallel()
	var m tcpless
	at := func(i int) transport.Flow {
		return transport.Flow{Peer: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 5060)}
	}
	m.add(at(0), dawn.Add(time.Minute), dawn)
	if !m.has(at(0), dawn.Add(time.Minute-1)) || m.has(at(1), dawn) || m.has(at(0), dawn.Add(time.Minute)) || m.has(at(0), dawn) {
		t.Error("not for a minute")
	}
	for i := range 2 * maxTCPless {
		m.add(at(i), dawn.Add(time.Hour), dawn)
		if !m.has(at(i), dawn) {
			t.Fatalf("%d is not remembered", i)
		}
	}
	if len(m.until) != maxTCPless {
		t.Errorf("%d are remembered", len(m.until))
	}
	m.add(at(-1), dawn.Add(3*time.Hour), dawn.Add(2*time.Hour))
	if len(m.until) != 1 {
		t.Errorf("%d are remembered after their time", len(m.until))
	}
}

func TestDependents(t *testing.T) {
	t.Parallel()
	var d dependents
	for _, id := range []shard.ID{255, 0, 64, 0, 63} {
		d.add(7, id)
	}
	d.add(8, 1)
	if ids := d.take(7); len(ids) != 4 || ids[0] != 0 || ids[1] != 63 || ids[2] != 64 || ids[3] != 255 {
		t.Errorf("shards %v", ids)
	}
	if len(d.take(7)) != 0 || len(d.take(8)) != 1 || len(d.conns) != 0 {
		t.Errorf("left: %v", d.conns)
	}
}

// A request leaves with the Via of its listener, and is otherwise untouched.
func TestLeaving(t *testing.T) {
	t.Parallel()
	raw := []byte("INVITE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;rport\r\nX: Via: SIP/2.0/UDP\r\n\r\nbody")
	tcp := &transport.Listener{Transport: "tcp", Advertise: "[2001:db8::1]:5062"}
	want := "INVITE sip:a SIP/2.0\r\nVia: SIP/2.0/TCP [2001:db8::1]:5062;branch=z9hG4bKx;rport\r\nX: Via: SIP/2.0/UDP\r\n\r\nbody"
	there := leaving(raw, tcp)
	if string(there) != want {
		t.Errorf("%s", there)
	}
	back := leaving(there, &transport.Listener{Transport: "udp", Advertise: "192.0.2.1:5060"})
	if string(back) != string(raw) {
		t.Errorf("%s", back)
	}
	if again := leaving(there, tcp); &again[0] != &there[0] {
		t.Error("copied for nothing")
	}
}

// Which listener and connection reach a hop.
func TestChoose(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.stack.listeners = append(l.stack.listeners, transport.Listener{URL: "tcp://192.0.2.1", Network: "default", Transport: "tcp", Addr: labServer, Advertise: labServer.String()})
	l.on(3, func(c *Core) {
		far, private := netip.MustParseAddrPort("203.0.113.7:5070"), netip.MustParseAddrPort("192.168.0.7:5070")
		same := netip.AddrPortFrom(labPeer.Addr(), 5080)
		for _, tt := range []struct {
			name  string
			own   int // listener of the dialog
			proto string
			addr  netip.AddrPort
			want  transport.Flow
		}{
			{"UDP", 0, "", far, transport.Flow{Peer: far}},
			{"UDP named", 0, "udp", far, transport.Flow{Peer: far}},
			{"no such transport", 0, "sctp", far, transport.Flow{Peer: far}},
			{"TCP, the same host", 1, "", same, transport.Flow{Listener: 1, Conn: 9, Peer: same}},
			{"TCP named, the same host", 1, "tcp", same, transport.Flow{Listener: 1, Conn: 9, Peer: same}},
			{"TCP named, another host", 1, "tcp", far, transport.Flow{Listener: 1, Peer: far}},
			{"TCP, another host", 1, "", far, transport.Flow{Listener: 0, Peer: far}},
			{"TCP, behind NAT", 1, "", private, transport.Flow{Listener: 1, Conn: 9, Peer: private}},
			{"UDP named on TCP", 1, "udp", same, transport.Flow{Listener: 0, Peer: same}},
		} {
			leg := &Outbound{}
			leg.Remote.Flow = transport.Flow{Listener: tt.own, Peer: labPeer}
			if tt.own == 1 {
				leg.Remote.Flow.Conn = 9
			}
			c.choose(leg, tt.proto, []netip.AddrPort{tt.addr})
			if got := leg.flow(leg); got != tt.want {
				t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
			}
		}
	})
}
