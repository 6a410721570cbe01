package transport

import (
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// An inbox holds the buffers of one reader: one recvmmsg fills it.
type inbox struct {
	sock *socket
	ms   []ipv4.Message

	look func(fd uintptr) bool // inbox.poll
	fds  [1]unix.PollFd
}

// newInbox makes room for batch datagrams. Each buffer is one byte longer than
// the longest datagram allowed, which is how a longer one shows. Pages that no
// datagram has reached stay unused.
func newInbox(sock *socket, batch, size int) *inbox {
	in := &inbox{sock: sock, ms: make([]ipv4.Message, batch)}
	size++
	slab := make([]byte, batch*size)
	for i := range in.ms {
		in.ms[i].Buffers = [][]byte{slab[i*size : (i+1)*size : (i+1)*size]}
	}
	in.look = in.poll
	return in
}

// wait returns when there is something to read, and whether the error queue has
// something. Asking each time costs less than the read that finds nothing would,
// and it is the only way that misses no error: the kernel hands the error itself
// to whoever uses the socket next, which may be a sender.
func (in *inbox) wait() (troubled bool, err error) {
	if err := in.sock.raw.Read(in.look); err != nil {
		return false, err
	}
	return in.fds[0].Revents&unix.POLLERR != 0, nil
}

// poll runs when the runtime has been told to wake us for whatever comes from
// now on, and again when it does: what is there already is seen here, so nothing
// falls between.
func (in *inbox) poll(fd uintptr) bool {
	in.fds[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	n, err := unix.Poll(in.fds[:], 0)
	return n > 0 || err != nil // an error of poll is one of read, too
}

// read takes as many datagrams as there are; when there is none it fails with an
// error that isPending knows.
func (in *inbox) read() (int, error) {
	return in.sock.batch.ReadBatch(in.ms, unix.MSG_DONTWAIT)
}

// datagram returns the i-th datagram of the last read.
func (in *inbox) datagram(i int) ([]byte, netip.AddrPort) {
	m := &in.ms[i]
	var peer netip.AddrPort
	if a, ok := m.Addr.(*net.UDPAddr); ok {
		peer = a.AddrPort()
	}
	return m.Buffers[0][:m.N], netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port())
}

// A writer holds up to a batch of messages for one socket. It allocates nothing
// once made.
type writer struct {
	out   []*Outgoing
	done  int // of out: sent or skipped
	ms    []ipv4.Message
	addrs []net.UDPAddr
	ips   [][16]byte
}

func newWriter(batch int) *writer {
	w := &writer{
		out:   make([]*Outgoing, 0, batch),
		ms:    make([]ipv4.Message, batch),
		addrs: make([]net.UDPAddr, batch),
		ips:   make([][16]byte, batch),
	}
	for i := range w.ms {
		w.ms[i].Buffers = make([][]byte, 1)
		w.ms[i].Addr = &w.addrs[i]
	}
	return w
}

// add takes a message; there must be room.
func (w *writer) add(out *Outgoing) {
	i := len(w.out)
	w.out = append(w.out, out)
	peer := out.Flow.Peer.Addr()
	w.ips[i] = peer.As16() // a v4 address becomes v4-mapped, which net.IP treats alike
	w.addrs[i] = net.UDPAddr{IP: w.ips[i][:], Port: int(out.Flow.Peer.Port()), Zone: peer.Zone()}
	w.ms[i].Buffers[0] = out.Data
}

func (w *writer) full() bool { return len(w.out) == cap(w.out) }
func (w *writer) left() int  { return len(w.out) - w.done }

// write sends what is left and returns the messages and bytes that went. An
// error is about the next one: sendmmsg stops there.
func (w *writer) write(sock *socket) (n, bytes int, err error) {
	n, err = sock.batch.WriteBatch(w.ms[w.done:len(w.out)], unix.MSG_DONTWAIT)
	n = max(n, 0)
	for _, out := range w.out[w.done : w.done+n] {
		bytes += len(out.Data)
	}
	w.done += n
	return n, bytes, err
}

// skip gives up on the next message and returns it.
func (w *writer) skip() *Outgoing {
	w.done++
	return w.out[w.done-1]
}

// reset empties the writer and lets go of the messages.
func (w *writer) reset() {
	for i := range w.out {
		w.ms[i].Buffers[0] = nil
		w.out[i] = nil
	}
	w.out, w.done = w.out[:0], 0
}
