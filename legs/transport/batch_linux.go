package transport

import (
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// An inbox holds the buffers of one reader: one recvmmsg fills it.
type inbox struct {
	sock *socket
	bufs [][]byte
	mmsg *mmsg

	look func() bool // inbox.receive
	n    int         // its results
	err  syscall.Errno
}

// newInbox makes room for batch datagrams. Each buffer is one byte longer than
// the longest datagram allowed, which is how a longer one shows. Pages that no
// datagram has reached stay unused.
func newInbox(sock *socket, batch, size int) *inbox {
	in := &inbox{sock: sock, bufs: make([][]byte, batch), mmsg: newMmsg(batch)}
	size++
	slab := make([]byte, batch*size)
	for i := range in.bufs {
		in.bufs[i] = slab[i*size : (i+1)*size : (i+1)*size]
		in.mmsg.setData(i, in.bufs[i])
	}
	in.look = in.receive
	return in
}

// read returns how many datagrams it has; with wait it waits for the first. An
// error that isPending knows is to be followed by a look into the error queue.
func (in *inbox) read(wait bool) (n int, err error) {
	timeout := time.Duration(0)
	if wait {
		timeout = -1
	}
	if err := in.sock.gate.Wait(in.look, timeout); err != nil {
		return 0, err
	}
	if in.err != 0 {
		err = os.NewSyscallError("recvmmsg", in.err)
	}
	return in.n, err
}

// receive takes a batch and reports whether there is one, or an error.
func (in *inbox) receive() bool {
	fd := uintptr(in.sock.fd)
	in.n, in.err = in.mmsg.receive(fd, 0)
	switch in.err {
	case 0:
	case unix.EAGAIN, unix.EINTR:
		in.err = 0
	default:
		// What the network says of one message must not hold up the others.
		in.n, _ = in.mmsg.receive(fd, 0)
	}
	return in.n > 0 || in.err != 0
}

// rest lets datagrams gather for d.
func (in *inbox) rest(d time.Duration) error { return in.sock.gate.Rest(d) }

// datagram returns the i-th datagram of the last batch.
func (in *inbox) datagram(i int) ([]byte, netip.AddrPort) {
	return in.bufs[i][:in.mmsg.headers[i].size], in.mmsg.peer(i)
}

// A writer holds up to a batch of messages for one socket. It allocates nothing
// once made.
type writer struct {
	out  []*Outgoing
	done int // of out: sent or skipped
	mmsg *mmsg

	send func(fd uintptr) // writer.sendmmsg
	n    int              // its results
	err  syscall.Errno
}

func newWriter(batch int) *writer {
	w := &writer{out: make([]*Outgoing, 0, batch), mmsg: newMmsg(batch)}
	w.send = w.sendmmsg
	return w
}

// add takes a message; there must be room.
func (w *writer) add(out *Outgoing) {
	i := len(w.out)
	w.out = append(w.out, out)
	w.mmsg.setPeer(i, out.Flow.Peer)
	w.mmsg.setData(i, out.Data)
}

func (w *writer) full() bool { return len(w.out) == cap(w.out) }
func (w *writer) left() int  { return len(w.out) - w.done }

// write sends what is left and returns the messages and bytes that went. An
// error is about the next one: sendmmsg stops there.
func (w *writer) write(sock *socket) (n, bytes int, err error) {
	// Control and not Write: it costs the same, 28 ns, and writers of one socket
	// need not wait for one another. What it buys is that the descriptor is ours
	// until the call is done.
	if err := sock.use(w.send); err != nil {
		return 0, 0, err
	}
	for _, out := range w.out[w.done : w.done+w.n] {
		bytes += len(out.Data)
	}
	w.done += w.n
	if w.err != 0 {
		err = os.NewSyscallError("sendmmsg", w.err)
	}
	return w.n, bytes, err
}

func (w *writer) sendmmsg(fd uintptr) {
	w.n, w.err = w.mmsg.send(fd, w.done, len(w.out))
}

// skip gives up on the next message and returns it.
func (w *writer) skip() *Outgoing {
	w.done++
	return w.out[w.done-1]
}

// reset empties the writer and lets go of the messages.
func (w *writer) reset() {
	for i := range w.out {
		w.mmsg.setData(i, nil)
		w.out[i] = nil
	}
	w.out, w.done = w.out[:0], 0
}
