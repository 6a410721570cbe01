package legs

import "b2bua/legs/sipmsg"

// A spent is what the steps of a shard have done with. It is free when they are
// over and what they said has been written to the wire: see [Stack.flush].
type spent struct {
	images  [][]byte
	servers []*serverTx // that are in no table, under no leg, and have no timer
	clients []*clientTx // likewise
	rooms   []*sipmsg.Room
}

// spare frees what has been spent.
func (c *Core) spare() {
	y, s := &c.stack.memory, &c.spent
	for i, raw := range s.images {
		c.stack.images.free(raw)
		s.images[i] = nil
	}
	for i, tx := range s.servers {
		y.freeServer(tx)
		s.servers[i] = nil
	}
	for i, tx := range s.clients {
		y.freeClient(tx)
		s.clients[i] = nil
	}
	for i, room := range s.rooms {
		y.freeRoom(room)
		s.rooms[i] = nil
	}
	s.rooms = s.rooms[:0]
	if s.images, s.servers, s.clients = s.images[:0], s.servers[:0], s.clients[:0]; cap(s.images) > outKeep || cap(s.servers) > outKeep {
		*s = spent{}
	}
}

// forgetServer takes a transaction out that is over.
func (c *Core) forgetServer(tx *serverTx) {
	if !c.servers.remove(tx) {
		return
	}
	if in, ok := tx.leg.(*Inbound); ok && in.tx == tx {
		in.tx = nil
	}
	c.spent.servers = append(c.spent.servers, tx)
}

// forgetClient takes a transaction out that is over, or that nobody asks for any
// more, and reports whether it was there.
func (c *Core) forgetClient(tx *clientTx) bool {
	if !c.clients.remove(tx) {
		return false
	}
	c.spent.clients = append(c.spent.clients, tx)
	return true
}
