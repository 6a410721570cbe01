package transport

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mmsghdr is the kernel's struct mmsghdr; see recvmmsg(2).
type mmsghdr struct {
	unix.Msghdr

	size uint32 // of what was received
}

// sockaddr has room for the addresses of both families.
type sockaddr = unix.RawSockaddrInet6

// A mmsg is the arguments of one recvmmsg or sendmmsg, made once and used again
// and again: nothing is allocated for a datagram. It belongs to one goroutine at
// a time.
type mmsg struct {
	headers []mmsghdr
	vectors []unix.Iovec // one per header
	names   []sockaddr   // likewise
	zones   zones
}

func newMmsg(batch int) *mmsg {
	m := &mmsg{headers: make([]mmsghdr, batch), vectors: make([]unix.Iovec, batch), names: make([]sockaddr, batch)}
	for i := range m.headers {
		h := &m.headers[i]
		h.Iov, h.Name = &m.vectors[i], (*byte)(unsafe.Pointer(&m.names[i]))
		h.SetIovlen(1)
	}
	return m
}

// setData says what the i-th datagram is, or where it goes when it is received.
func (m *mmsg) setData(i int, data []byte) {
	m.vectors[i].Base = unsafe.SliceData(data)
	m.vectors[i].SetLen(len(data))
}

// setPeer says where the i-th datagram goes.
func (m *mmsg) setPeer(i int, to netip.AddrPort) {
	addr, name := to.Addr().Unmap(), &m.names[i]
	if addr.Is4() {
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		*in = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: swapPort(to.Port()), Addr: addr.As4()}
		m.headers[i].Namelen = unix.SizeofSockaddrInet4
		return
	}
	*name = sockaddr{Family: unix.AF_INET6, Port: swapPort(to.Port()), Addr: addr.As16()}
	if zone := addr.Zone(); zone != "" {
		name.Scope_id = m.zones.index(zone)
	}
	m.headers[i].Namelen = unix.SizeofSockaddrInet6
}

// peer returns where the i-th datagram that was received comes from; not valid
// when the kernel has not said.
func (m *mmsg) peer(i int) netip.AddrPort {
	name := &m.names[i]
	switch {
	case m.headers[i].Namelen == unix.SizeofSockaddrInet4 && name.Family == unix.AF_INET:
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), swapPort(in.Port))
	case m.headers[i].Namelen == unix.SizeofSockaddrInet6 && name.Family == unix.AF_INET6:
		addr := netip.AddrFrom16(name.Addr).Unmap()
		if name.Scope_id != 0 {
			addr = addr.WithZone(m.zones.name(name.Scope_id))
		}
		return netip.AddrPortFrom(addr, swapPort(name.Port))
	}
	return netip.AddrPort{}
}

// receive takes what is there.
//
// Both receive and send are raw system calls. With MSG_DONTWAIT they never sleep,
// so the scheduler need not make ready for it: that costs 50 ns a call, a futex to
// wake up its monitor when the process was idle, which then naps 20 µs at a time
// beside us, and a processor that is given away and fetched again when the kernel
// delivers to a local peer inside the call. Next to golang.org/x/net, reading one
// datagram costs a quarter less (0.66 → 0.50 µs) and allocates nothing (was 52
// bytes), and a call through the B2BUA makes a fifth fewer system calls.
func (m *mmsg) receive(fd uintptr, flags uintptr) (int, syscall.Errno) {
	for i := range m.headers {
		m.headers[i].Namelen = unix.SizeofSockaddrInet6 // the kernel has put the real one there
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd,
		uintptr(unsafe.Pointer(&m.headers[0])), uintptr(len(m.headers)), flags|unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// send sends the datagrams from first until before end, and returns how many
// went. When it is not all, then what stopped it is known only if none went.
func (m *mmsg) send(fd uintptr, first, end int) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, fd,
		uintptr(unsafe.Pointer(&m.headers[first])), uintptr(end-first), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// swapPort converts a port between the host's and the network's byte order.
func swapPort(port uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], port)
	return binary.NativeEndian.Uint16(b[:])
}
