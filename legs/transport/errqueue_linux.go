package transport

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// What a router or the peer's kernel says about a datagram of ours waits in the
// error queue of a socket of the listener, whichever sent it; the datagram's
// beginning and where it went come with it. See ip(7), IP_RECVERR.
//
// Besides, the kernel fails one call of whoever uses the socket next, a reader
// or a sender, and wakes up the reader. Who was failed reads the queue: so nobody
// has to ask for errors while there are none, and none is left lying.

const (
	errBatch  = 16
	errRounds = 16 // batches at once

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

// An errqueue holds the buffers for reading an error queue. It belongs to one
// goroutine at a time.
type errqueue struct {
	bufs, oobs [errBatch][]byte
	mmsg       *mmsg

	look func(fd uintptr) // errqueue.receive
	n    int              // its results
	err  syscall.Errno
}

func newErrqueue() *errqueue {
	q := &errqueue{mmsg: newMmsg(errBatch)}
	for i := range errBatch {
		q.bufs[i], q.oobs[i] = make([]byte, errQuote), make([]byte, errOOB)
		q.mmsg.setData(i, q.bufs[i])
		q.mmsg.headers[i].Control = &q.oobs[i][0]
	}
	q.look = q.receive
	return q
}

// read takes as many errors of a socket as there are, up to a batch, and does
// not wait.
func (q *errqueue) read(sock *socket) (int, error) {
	if err := sock.use(q.look); err != nil {
		return 0, err
	}
	if q.err != 0 && !isPending(q.err) {
		return 0, os.NewSyscallError("recvmmsg", q.err)
	}
	return q.n, nil
}

func (q *errqueue) receive(fd uintptr) {
	for i := range q.oobs {
		q.mmsg.headers[i].SetControllen(errOOB)
	}
	q.n, q.err = q.mmsg.receive(fd, unix.MSG_ERRQUEUE)
}

// at returns the i-th error of the last read, and the beginning of the datagram
// that it is about with its destination. ok is false when the error is not the
// network's: what the kernel refuses by itself it has told the sender.
func (q *errqueue) at(i int) (data []byte, peer netip.AddrPort, e *ICMPError, ok bool) {
	h := &q.mmsg.headers[i]
	peer, e = q.mmsg.peer(i), parseExtendedErr(q.oobs[i][:h.Controllen])
	if !peer.IsValid() || e == nil {
		return nil, netip.AddrPort{}, nil, false
	}
	return q.bufs[i][:h.size], peer, e, true
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
