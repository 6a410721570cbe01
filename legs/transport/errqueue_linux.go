package transport

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// What a router or the peer's kernel says about a datagram of ours waits in the
// error queue of a socket of the listener, whichever sent it; the datagram's
// beginning and where it went come with it. See ip(7), IP_RECVERR.

const (
	errBatch = 16
	// errQuote is room for what an error quotes: up to 548 bytes of the message
	// from IPv4 (RFC 1812 §4.3.2.3), up to 1192 from IPv6 (RFC 4443 §2.4 c).
	errQuote = 1280
	errOOB   = 128 // one control message with sock_extended_err and the address of who sent the error
)

// recvErrors asks for the error queue.
func recvErrors(fd int, v6 bool) error {
	if v6 {
		return unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_RECVERR, 1)
	}
	return unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_RECVERR, 1)
}

// An errqueue holds the buffers for reading the error queue of one socket.
type errqueue struct {
	sock *socket
	ms   []ipv4.Message
}

func newErrqueue(sock *socket) *errqueue {
	q := &errqueue{sock: sock, ms: make([]ipv4.Message, errBatch)}
	for i := range q.ms {
		q.ms[i].Buffers = [][]byte{make([]byte, errQuote)}
		q.ms[i].OOB = make([]byte, errOOB)
	}
	return q
}

// read takes as many errors as there are, up to a batch, and does not wait.
func (q *errqueue) read() (int, error) {
	n, err := q.sock.batch.ReadBatch(q.ms, unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
	if err != nil && isPending(err) {
		return 0, nil
	}
	return n, err
}

// at returns the i-th error of the last read, and the beginning of the datagram
// that it is about with its destination. ok is false when the error is not the
// network's: what the kernel refuses by itself it has told the sender.
func (q *errqueue) at(i int) (data []byte, peer netip.AddrPort, e *ICMPError, ok bool) {
	m := &q.ms[i]
	to, isUDP := m.Addr.(*net.UDPAddr)
	e = parseExtendedErr(m.OOB[:m.NN])
	if !isUDP || e == nil {
		return nil, netip.AddrPort{}, nil, false
	}
	peer = to.AddrPort()
	return m.Buffers[0][:m.N], netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port()), e, true
}

// parseExtendedErr finds the error of ICMP or ICMPv6 in control messages.
func parseExtendedErr(oob []byte) *ICMPError {
	var (
		h    unix.Cmsghdr
		data []byte
		err  error
	)
	for err == nil && len(oob) >= unix.SizeofCmsghdr {
		h, data, oob, err = unix.ParseOneSocketControlMessage(oob)
		v4 := h.Level == unix.SOL_IP && h.Type == unix.IP_RECVERR
		v6 := h.Level == unix.SOL_IPV6 && h.Type == unix.IPV6_RECVERR
		// struct sock_extended_err: errno, then origin, type, code, pad.
		if !v4 && !v6 || len(data) < 8 {
			continue
		}
		if origin := data[4]; origin != unix.SO_EE_ORIGIN_ICMP && origin != unix.SO_EE_ORIGIN_ICMP6 {
			return nil
		}
		return &ICMPError{
			V6: data[4] == unix.SO_EE_ORIGIN_ICMP6, Type: data[5], Code: data[6],
			Errno: syscall.Errno(binary.NativeEndian.Uint32(data)),
		}
	}
	return nil
}

// isPending reports whether a call failed for something that is none of its
// business: there was nothing to do, or an error about an earlier datagram was
// handed to it, which the error queue tells in full.
func isPending(err error) bool {
	errno, ok := errors.AsType[syscall.Errno](err)
	if !ok {
		return false
	}
	switch errno {
	case unix.EAGAIN, unix.EINTR,
		// The kernel's icmp_err_convert and icmpv6_err_convert.
		unix.ENETUNREACH, unix.EHOSTUNREACH, unix.ENOPROTOOPT, unix.ECONNREFUSED, unix.EMSGSIZE,
		unix.EOPNOTSUPP, unix.EHOSTDOWN, unix.ENONET, unix.EACCES, unix.EPROTO:
		return true
	default:
		return false
	}
}
