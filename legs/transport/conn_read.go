package transport

import (
	"io"
	"net"
	"os"
	"time"

	"b2bua/legs/sipmsg"
)

const (
	smallBuffer = 4096 // holds almost every message
	lingerTime  = time.Second
	lingerBytes = 64 << 10
	pacePause   = 5 * time.Millisecond
)

// A streamReader is the reading half of a conn, for its goroutine alone.
type streamReader struct {
	c      *conn
	nc     net.Conn
	framer sipmsg.Framer
	buf    []byte // what has been read and is no whole message yet
	space  []byte
	begun  time.Time // when the first byte of buf came; zero when there is none
	proven bool      // a whole message has come; of who is known, a keep-alive will do
}

// read delivers messages until the connection ends, and says why it did.
func (c *conn) read() (ending, error) {
	cfg := &c.set.cfg.Streams
	r := &streamReader{
		c: c, nc: c.nc, framer: sipmsg.Framer{Max: cfg.MaxMessage}, space: make([]byte, smallBuffer),
		proven: !c.accepted,
	}
	r.buf = r.space[:0]
	for {
		if err := r.nc.SetReadDeadline(r.deadline()); err != nil {
			return closedError, err
		}
		n, err := r.nc.Read(r.space[len(r.buf):])
		if n > 0 {
			now := time.Now()
			c.touch(now)
			c.set.cfg.Metrics.receivedBytes.Add(float64(n))
			r.buf = r.space[:len(r.buf)+n]
			if err := r.take(now); err != nil {
				return closedMalformed, err
			}
		}
		switch {
		case err == nil:
		case !os.IsTimeout(err):
			return endOf(err), ErrGone
		default:
			if why, over := r.overdue(time.Now()); over {
				return why, ErrGone
			}
		}
	}
}

// deadline is when the peer has been silent for too long.
func (r *streamReader) deadline() time.Time {
	cfg := &r.c.set.cfg.Streams
	switch {
	case !r.proven: // whatever has begun meanwhile
		return r.c.opened.Add(cfg.MessageTimeout)
	case !r.begun.IsZero():
		return r.begun.Add(cfg.MessageTimeout)
	default:
		return r.c.idleSince().Add(cfg.IdleTimeout)
	}
}

// overdue says why the connection has to be closed, unless something was written
// meanwhile.
func (r *streamReader) overdue(now time.Time) (ending, bool) {
	why := closedIdle
	if !r.begun.IsZero() || !r.proven {
		why = closedPartial
	}
	return why, !now.Before(r.deadline())
}

// take delivers what is whole in the buffer, and makes room for the rest.
func (r *streamReader) take(now time.Time) error {
	m := r.c.set.cfg.Metrics
	rest := r.buf
	for {
		piece, n, err := r.framer.Next(rest)
		if err != nil {
			if n > 0 {
				r.deliver(rest[:n], now, err)
				r.linger()
			}
			return err
		}
		if piece == sipmsg.PieceNone {
			break
		}
		switch piece {
		case sipmsg.PieceMessage:
			m.streams.received.Inc()
			r.proven = true
			now = r.pace(now)
			r.deliver(rest[:n], now, nil)
		case sipmsg.PiecePing:
			r.keptAlive()
			_ = r.c.write(&Outgoing{Flow: r.c.flow, Data: []byte("\r\n")})
		default: // an empty line
			r.keptAlive()
		}
		rest, r.begun = rest[n:], time.Time{}
	}
	if len(rest) > 0 && r.begun.IsZero() {
		r.begun = now
	}
	r.compact(rest)
	return nil
}

// keptAlive notes a keep-alive. A phone or a gateway that is known may hold its
// connection with nothing else (RFC 5626 §3.5.1); a stranger has to say what for.
func (r *streamReader) keptAlive() {
	r.c.set.cfg.Metrics.keepAlives.Inc()
	r.proven = r.proven || r.c.known
}

// compact moves what is left to the front of a buffer in which a whole message
// will have room: a small one, until that is too small.
func (r *streamReader) compact(rest []byte) {
	limit := r.c.set.cfg.Streams.MaxMessage + 1
	size := len(r.space)
	switch {
	case len(rest) == size:
		size = max(smallBuffer, min(2*size, limit))
	case len(rest) < smallBuffer/2:
		size = smallBuffer
	}
	if size != len(r.space) {
		r.space = make([]byte, size)
	}
	r.buf = r.space[:copy(r.space, rest)]
}

// pace stops reading while the source has spent its budget: nothing that came over
// a stream may be dropped, for nobody will send it again. It returns what time it is
// then: a budget must not be asked for what it had before.
func (r *streamReader) pace(now time.Time) time.Time {
	budget, source := r.c.set.cfg.Budget, r.c.flow.Peer.Addr()
	if budget.Take(source, now) {
		return now
	}
	r.c.set.cfg.Metrics.streams.paced.Inc()
	tick := time.NewTicker(pacePause)
	defer tick.Stop()
	for !budget.Take(source, now) && r.c.alive() {
		now = <-tick.C
	}
	return now
}

func (r *streamReader) deliver(data []byte, now time.Time, flaw error) {
	one := [1]Packet{{Flow: r.c.flow, Data: data, At: now, Flaw: flaw}}
	r.c.set.fenced(func() { r.c.set.cfg.Receive(one[:]) })
}

// linger lets the peer read the answer to what could not be framed: closing while
// there is something to read would reset the connection.
func (r *streamReader) linger() {
	tcp, ok := r.nc.(*net.TCPConn)
	if !ok || tcp.CloseWrite() != nil || r.nc.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(r.nc, lingerBytes))
}
