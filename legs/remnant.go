package legs

import (
	"encoding/binary"
	"net/netip"
	"time"

	"b2bua/legs/transport"
	"b2bua/legs/txn"
)

// A remnant is what is left of a server transaction that has nothing to do but to
// take the same request again, until 64*T1 are over: one that is not of an INVITE
// and has its final response (Completed, RFC 3261 §17.2.2), or one of an INVITE
// with its 2xx acknowledged (Accepted, RFC 6026 §7.1). A node with 1000 calls a
// second has 64,000 of them: they have no pointers and no timers, and what has no
// fixed length is in [remnants.texts]. Whoever asks for one gets the transaction
// that it stands for.
type remnant struct {
	key        txn.ServerKey
	merge      txn.MergeKey
	until      time.Duration // since remnants.base
	text       uint32        // number of the text that the rest is in
	from, size uint32        // and where
}

// remnants are those of a shard, in the order in which they became such. Nearly
// always that is the order in which they are over, too.
type remnants struct {
	base        time.Time
	timers      *txn.Timers // of all
	ring        []remnant   // a power of two of them, each at its number modulo that
	first, next uint32      // numbers of the oldest one and of the next one to come

	texts  [][]byte
	number uint32 // of the first of them
}

// textSize is what texts mostly have room for. It is the longest that [images] has.
const textSize = imageStep * imageSizes

// lingers reports whether all that a transaction still does is what a remnant does.
func (c *Core) lingers(tx *serverTx) bool {
	switch {
	case tx.Clock.ExpireAt.IsZero(), tx.Clock.Timers == nil, *tx.Clock.Timers != c.stack.cfg.Timers:
		return false
	case tx.Kind == txn.Invite:
		return tx.State == txn.Accepted && tx.Response == nil && tx.past != nil
	}
	return tx.State == txn.Completed && tx.Response != nil && !c.stream(tx.flow)
}

// linger makes a remnant of a transaction, if that is in the table. What it had to
// send is the caller's.
func (c *Core) linger(tx *serverTx) bool {
	if !c.servers.has(tx) {
		return false
	}
	tx.alarm.Stop()
	m := &c.servers.remnants
	if m.len() == 0 {
		m.base, m.timers = tx.Clock.ExpireAt, &c.stack.cfg.Timers
		c.set(&c.sweep, m.base.Add(c.stack.late()), (*sweeper)(c))
	}
	c.servers.move(tx, remnantAt(m.add(tx, &c.stack.images)))
	c.spent.servers = append(c.spent.servers, tx)
	return true
}

// late is how long a remnant that is over may stay in memory: taken out many at a
// time they need few timers.
func (s *Stack) late() time.Duration { return 2 * s.cfg.Timers.T1 }

type sweeper Core

func (*sweeper) enter(c *Core) {
	c.spent.images = c.servers.sweep(c.now, c.spent.images)
	if m := &c.servers.remnants; m.len() > 0 {
		c.set(&c.sweep, m.end(m.at(m.first)).Add(c.stack.late()), (*sweeper)(c))
	}
}

func (m *remnants) len() int                 { return int((m.next - m.first) & numbers) }
func (m *remnants) at(n uint32) *remnant     { return &m.ring[int(n)&(len(m.ring)-1)] }
func (m *remnants) end(r *remnant) time.Time { return m.base.Add(r.until) }

// over reports whether timer J or L has run out.
func (m *remnants) over(r *remnant, now time.Time) bool { return !now.Before(m.end(r)) }

// all yields them, the oldest first.
func (m *remnants) all() func(yield func(*remnant) bool) {
	return func(yield func(*remnant) bool) {
		for i := range m.len() {
			if !yield(m.at(m.first + uint32(i))) { //nolint:gosec // numbers go round
				return
			}
		}
	}
}

// add appends one, and returns its number.
func (m *remnants) add(tx *serverTx, g *images) uint32 {
	if m.len() == len(m.ring) {
		m.resize(max(2*len(m.ring), 4))
	}
	var room [256]byte
	head := appendRemnant(room[:0], tx)
	size := len(head) + len(tx.Response)
	last := len(m.texts) - 1
	if last < 0 || cap(m.texts[last])-len(m.texts[last]) < size {
		m.texts = append(m.texts, g.room(max(size, textSize)))
		last++
	}
	from := len(m.texts[last])
	m.texts[last] = append(append(m.texts[last], head...), tx.Response...)
	n := m.next
	*m.at(n) = remnant{
		key: tx.key, merge: tx.merge, until: tx.Clock.ExpireAt.Sub(m.base),
		text: m.number + uint32(last), from: uint32(from), size: uint32(size), //nolint:gosec // a message is far shorter
	}
	m.next = (n + 1) & numbers
	return n
}

// pop takes out the oldest one, and appends the texts that nobody needs any more to
// spent.
func (m *remnants) pop(spent [][]byte) [][]byte {
	m.first = (m.first + 1) & numbers
	over := len(m.texts)
	if m.len() > 0 {
		over = int(m.at(m.first).text - m.number)
	}
	spent = append(spent, m.texts[:over]...)
	m.number += uint32(over) //nolint:gosec // numbers go round
	kept := copy(m.texts, m.texts[over:])
	clear(m.texts[kept:])
	m.texts = m.texts[:kept]
	if len(m.ring) > outKeep && m.len() < len(m.ring)/4 {
		m.resize(len(m.ring) / 2)
	}
	return spent
}

func (m *remnants) resize(size int) {
	next := remnants{ring: make([]remnant, size)}
	for i := range m.len() {
		n := m.first + uint32(i) //nolint:gosec // numbers go round
		*next.at(n) = *m.at(n)
	}
	m.ring = next.ring
}

// copy is the transaction that a remnant stands for.
func (m *remnants) copy(r *remnant) *serverTx {
	tx := readRemnant(m.texts[r.text-m.number][r.from : r.from+r.size : r.from+r.size])
	tx.key, tx.merge, tx.Clock = r.key, r.merge, txn.Clock{Timers: m.timers, ExpireAt: m.end(r)}
	return tx
}

// A remnant is written as: 1 when its transport is reliable, its method, its flow
// and its tag; of an INVITE the past; the rest is the response. A text comes after
// its length.

func appendRemnant(b []byte, tx *serverTx) []byte {
	reliable := byte(0)
	if tx.Reliable {
		reliable = 1
	}
	b = appendFlow(appendText(append(b, reliable), tx.Method), tx.flow)
	if p := tx.past; p != nil {
		b = appendFlow(appendText(b, p.tag), p.remote.Flow)
		b = appendText(appendText(b, p.remote.Trunk), p.remote.Accept)
		b = binary.AppendVarint(b, int64(p.remote.MTU))
	}
	return b
}

func readRemnant(text []byte) *serverTx {
	r := reader{text[1:]}
	tx := &serverTx{lingers: true}
	tx.Reliable = text[0] != 0
	tx.Method = string(r.text())
	tx.flow = r.flow()
	if tx.Kind = txn.KindOf(tx.Method); tx.Kind == txn.Invite {
		tx.State, tx.past = txn.Accepted, &past{tag: string(r.text())}
		tx.past.remote = Remote{Flow: r.flow(), Trunk: string(r.text()), Accept: string(r.text()), MTU: int(r.number())}
		return tx
	}
	tx.State, tx.Response = txn.Completed, r.rest
	return tx
}

func appendText[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendVarint(b, int64(len(s))), s...)
}

func appendFlow(b []byte, f transport.Flow) []byte {
	var room [64]byte
	peer, _ := f.Peer.AppendBinary(room[:0]) // it has no error to return
	b = binary.AppendVarint(b, int64(f.Listener))
	return appendText(binary.AppendUvarint(b, f.Conn), peer)
}

// A reader takes apart what the functions above have put together: it need not be
// careful.
type reader struct{ rest []byte }

func (r *reader) number() int64 {
	v, n := binary.Varint(r.rest)
	r.rest = r.rest[n:]
	return v
}

func (r *reader) text() []byte {
	n := r.number()
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *reader) flow() transport.Flow {
	f := transport.Flow{Listener: int(r.number())}
	conn, n := binary.Uvarint(r.rest)
	f.Conn, r.rest = conn, r.rest[n:]
	var peer netip.AddrPort
	if err := peer.UnmarshalBinary(r.text()); err != nil {
		panic(err)
	}
	f.Peer = peer
	return f
}
