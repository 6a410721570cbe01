package transport

import (
	"fmt"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// loopback is the one interface that every machine has.
func loopback(t *testing.T) net.Interface {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if i.Flags&net.FlagLoopback != 0 {
			return i
		}
	}
	t.Fatal("no loopback interface")
	return net.Interface{}
}

// What the kernel is given is what it is asked for, and nothing of the address
// that had the place before is left.
func TestAddressesAreKept(t *testing.T) {
	lo := loopback(t)
	m := newMmsg(1)
	for _, tt := range []struct{ in, out string }{
		{"[fe80::1%" + lo.Name + "]:5060", ""},
		{"192.0.2.1:5060", ""},
		{"[2001:db8::1]:65535", ""},
		{fmt.Sprintf("[fe80::2%%%d]:5061", lo.Index), "[fe80::2%" + lo.Name + "]:5061"},
		{"[::ffff:192.0.2.2]:1", "192.0.2.2:1"},
		{"[fe80::3%nobody]:5060", "[fe80::3]:5060"},
		{"[fe80::4%4000000]:5060", ""}, // no such interface now
		{"[::1]:5060", ""},
	} {
		if tt.out == "" {
			tt.out = tt.in
		}
		m.setPeer(0, netip.MustParseAddrPort(tt.in))
		if got := m.peer(0); got != netip.MustParseAddrPort(tt.out) {
			t.Errorf("%s becomes %v, want %s", tt.in, got, tt.out)
		}
	}
	m.headers[0].Namelen = 0
	if got := m.peer(0); got.IsValid() {
		t.Errorf("%v comes from nowhere", got)
	}
}

// Addresses with a zone cost nothing either, once the interfaces are known.
func TestZonesAllocateNothing(t *testing.T) {
	m, peer := newMmsg(1), netip.MustParseAddrPort("[fe80::1%"+loopback(t).Name+"]:5060")
	n := testing.AllocsPerRun(100, func() {
		m.setPeer(0, peer)
		if m.peer(0) != peer {
			t.Error(m.peer(0))
		}
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// The kernel reads our headers as its own: sizes, order and an empty datagram.
func TestMmsg(t *testing.T) {
	_, sock := unread(t, Config{}, "127.0.0.1:0")
	const n = 3
	out, in := newMmsg(n), newMmsg(n+1)
	for i := range n {
		out.setPeer(i, sock.addr())
		out.setData(i, []byte("abc"[:i]))
	}
	for i := range n + 1 {
		in.setData(i, make([]byte, 8))
	}
	err := sock.control(func(fd int) error {
		for range 2 { // what the first call leaves behind does not matter to the second
			if sent, errno := out.send(uintptr(fd), 0, n); sent != n || errno != 0 {
				t.Fatal(sent, errno)
			}
			if got, errno := in.receive(uintptr(fd), 0); got != n || errno != 0 {
				t.Fatal(got, errno)
			}
			for i := range n {
				if int(in.headers[i].size) != i || in.peer(i) != sock.addr() {
					t.Errorf("datagram %d: %d bytes from %v", i, in.headers[i].size, in.peer(i))
				}
			}
		}
		if got, errno := in.receive(uintptr(fd), 0); got != 0 || errno != unix.EAGAIN {
			t.Error(got, errno)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
