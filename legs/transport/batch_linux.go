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
	return in
}

// read waits for at least one datagram and takes as many as there are.
func (in *inbox) read() (int, error) { return in.sock.batch.ReadBatch(in.ms, 0) }

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
