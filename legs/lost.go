package legs

import (
	"sync"

	"b2bua/legs/shard"
	"b2bua/legs/transport"
)

// dependents knows which shards have sent requests over which connection, for
// the moment when it is gone. Safe for concurrent use.
type dependents struct {
	mu    sync.Mutex
	conns map[uint64]*[shard.Count / 64]uint64
}

func (d *dependents) add(conn uint64, id shard.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	set := d.conns[conn]
	if set == nil {
		if d.conns == nil {
			d.conns = make(map[uint64]*[shard.Count / 64]uint64)
		}
		set = new([shard.Count / 64]uint64)
		d.conns[conn] = set
	}
	set[id/64] |= 1 << (id % 64)
}

// take forgets a connection, and returns its shards.
func (d *dependents) take(conn uint64) (ids []shard.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	set := d.conns[conn]
	if set == nil {
		return nil
	}
	delete(d.conns, conn)
	for id := range shard.Count {
		if set[id/64]&(1<<(id%64)) != 0 {
			ids = append(ids, shard.ID(id))
		}
	}
	return ids
}

// connectionLost tells the transactions whose requests went over a connection.
func (s *Stack) connectionLost(f transport.Flow, _ error) {
	for _, id := range s.dependents.take(f.Conn) {
		s.shards.Admit(id, lost{f.Conn})
	}
}

// lost is a connection that is gone, on its way to a shard. A request without any
// answer has failed (RFC 3261 §17.1.4). An INVITE that has had a provisional one
// goes on: the peer opens a connection of its own for the rest (§18.2.2). So does
// a dialog.
type lost struct{ conn uint64 }

func (x lost) enter(c *Core) {
	for tx := range c.clients.all() {
		if tx.flow.Conn == x.conn && tx.Request != nil {
			c.stack.shards.Admit(c.shard.ID, unsent{branch: tx.Branch, method: tx.Method, peer: tx.flow.Peer, conn: x.conn})
		}
	}
}
