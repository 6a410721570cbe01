package transport

import (
	"net"
	"time"
)

// A queued message, and how much of it has been sent.
type queued struct {
	out  Outgoing
	sent int
}

// write sends a message, or queues it behind those that the peer has not taken
// yet. It never waits. Data is not copied: it stays in the queue until it is
// sent. An error says that nothing of the message was taken: ErrGone, when the
// connection is, or ErrSlow, when the queue is full, which ends the connection.
func (c *conn) write(out *Outgoing) error {
	m := c.set.cfg.Metrics
	q := queued{out: *out}
	c.mu.Lock()
	if c.state == connGone {
		c.mu.Unlock()
		return ErrGone
	}
	if c.state == connUp && !c.writing && len(c.queue) == 0 {
		n, err := c.tryWrite(out.Data)
		m.sentBytes.Add(float64(n))
		if n == len(out.Data) {
			c.touch(time.Now())
			c.mu.Unlock()
			m.streams.sent.Inc()
			return nil
		}
		if err != nil {
			c.mu.Unlock()
			_ = c.close(closedError, err)
			return err
		}
		q.sent = n
	}
	if c.bytes+len(out.Data) > c.set.cfg.Streams.WriteQueue {
		c.mu.Unlock()
		_ = c.close(closedSlow, ErrSlow)
		return ErrSlow
	}
	c.bytes += len(out.Data)
	c.queue = append(c.queue, q)
	c.startWriter()
	c.mu.Unlock()
	return nil
}

// startWriter begins to empty the queue, unless somebody does. c.mu is held.
func (c *conn) startWriter() {
	if c.state != connUp || c.writing || len(c.queue) == 0 {
		return
	}
	c.writing = true
	c.set.wg.Go(c.writeQueue)
}

// writeQueue sends what waits, until nothing does.
func (c *conn) writeQueue() {
	for {
		c.mu.Lock()
		batch := c.queue
		c.queue = nil
		if len(batch) == 0 || c.state == connGone {
			c.writing = false
			if c.state == connUp {
				_ = c.nc.SetWriteDeadline(time.Time{})
			}
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		if err := c.writeBatch(batch); err != nil {
			return
		}
	}
}

// writeBatch sends messages in one go, and waits for the peer to take them, but
// not for ever.
func (c *conn) writeBatch(batch []queued) error {
	s := c.set
	buffers, size := make(net.Buffers, len(batch)), 0
	for i, q := range batch {
		buffers[i] = q.out.Data[q.sent:]
		size += len(q.out.Data)
	}
	err := c.nc.SetWriteDeadline(time.Now().Add(s.cfg.Streams.WriteTimeout))
	var n int64
	if err == nil {
		n, err = buffers.WriteTo(c.nc)
	}
	now := time.Now()
	c.touch(now)
	s.cfg.Metrics.sentBytes.Add(float64(n))
	c.mu.Lock()
	c.bytes -= size
	c.mu.Unlock()
	if err != nil {
		why := closedError
		if isTimeout(err) {
			why, err = closedSlow, ErrSlow
		}
		err = c.close(why, err)
	}
	for i := range batch {
		if rest := int64(len(batch[i].out.Data) - batch[i].sent); n >= rest {
			n -= rest
			s.cfg.Metrics.streams.sent.Inc()
			continue
		}
		n = 0
		s.sendFailed(&batch[i].out, err)
	}
	return err
}

// writeStreams sends the messages of a batch that leave by connections of one
// listener.
func (s *Set) writeStreams(listener int, batch []Outgoing) {
	for i := range batch {
		if out := &batch[i]; out.Flow.Listener == listener && s.check(out) == nil {
			s.writeStream(out)
		}
	}
}

// writeStream sends one message by the connection of its flow.
func (s *Set) writeStream(out *Outgoing) {
	err := ErrGone
	if c := s.pool.get(out.Flow.Conn); c != nil {
		err = c.write(out)
	}
	if err == ErrGone && (out.Redial || out.Flow.Conn == 0) { //nolint:errorlint // ours, and bare
		err = s.redial(out)
	}
	if err != nil {
		s.sendFailed(out, err)
	}
}

// redial sends a message by another connection to its peer.
func (s *Set) redial(out *Outgoing) error {
	c, err := s.toward(out.Flow)
	if err != nil {
		return err
	}
	return c.write(out)
}
