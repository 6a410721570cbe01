package legs

import (
	"sync"

	"b2bua/legs/sipmsg"
	"b2bua/legs/txn"
)

// A memory is what the packets of a stack are made of, again and again: a message
// lives in its packet's room, and its time is over with the step that it caused
// and the events of that step. What may be kept for longer says so:
//
//   - strings, Headers and Body of a message are in no room, and free for anybody
//     to keep;
//   - a leg or a transaction copies what else it needs, but for an INVITE and any
//     request that has no final response yet. The room of an INVITE that has made a
//     leg is free when the step is over that sends its final response; others are
//     left to the garbage collector.
type memory struct {
	packets sync.Pool // of *packet, with an empty room or none
	rooms   sync.Pool // of *sipmsg.Room, empty
	servers sync.Pool // of *serverTx
	clients sync.Pool // of *clientTx
	// spoil makes what is given back unfit for use, for tests: then it is not used
	// again.
	spoil func(*sipmsg.Message)
}

// packet returns one that is empty but for its room.
func (y *memory) packet() *packet {
	p, ok := y.packets.Get().(*packet)
	if !ok {
		p = new(packet)
	}
	if p.room != nil {
		return p
	}
	if p.room, ok = y.rooms.Get().(*sipmsg.Room); !ok {
		p.room = new(sipmsg.Room)
	}
	return p
}

// server and client return transactions to be filled.
func (y *memory) server() *serverTx {
	if tx, ok := y.servers.Get().(*serverTx); ok {
		return tx
	}
	return new(serverTx)
}

func (y *memory) client() *clientTx {
	if tx, ok := y.clients.Get().(*clientTx); ok {
		return tx
	}
	return new(clientTx)
}

// nowhere is a state that no machine knows: a transaction in it panics at every
// input.
const nowhere = txn.State(0xff)

// freeServer takes a transaction back that nobody knows any more.
func (y *memory) freeServer(tx *serverTx) {
	if *tx = (serverTx{}); y.spoil != nil {
		tx.State = nowhere
		return
	}
	y.servers.Put(tx)
}

// freeClient takes a transaction back that nobody knows any more.
func (y *memory) freeClient(tx *clientTx) {
	if *tx = (clientTx{}); y.spoil != nil {
		tx.State = nowhere
		return
	}
	y.clients.Put(tx)
}

// freeRoom takes a room back whose message nobody uses any more.
func (y *memory) freeRoom(room *sipmsg.Room) {
	if y.spoil != nil {
		y.spoil(room.Message())
		return
	}
	room.Clear()
	y.rooms.Put(room)
}

// reuse takes a packet back whose step is over, unless somebody keeps its message.
func (s *Stack) reuse(p *packet) {
	room := p.room
	switch {
	case p.kept, p.tx != nil && p.tx.req != nil:
		room = nil
	case s.memory.spoil != nil:
		s.memory.spoil(room.Message())
		room = nil
	default:
		room.Clear()
	}
	*p = packet{room: room}
	s.memory.packets.Put(p)
}

// spoiled writes over all of a message that is in its room.
func spoiled(m *sipmsg.Message) {
	const rot = "SPOILED"
	params := func(list sipmsg.Params) {
		for i := range list {
			list[i] = sipmsg.Param{Name: rot, Value: rot}
		}
	}
	address := func(a *sipmsg.Address) {
		params(a.Params)
		params(a.URI.Params)
		*a = sipmsg.Address{Raw: rot, Display: rot}
	}
	for _, list := range [...][]sipmsg.Address{m.Contacts, m.Routes, m.RecordRoutes} {
		for i := range list {
			address(&list[i])
		}
	}
	for i := range m.Vias {
		params(m.Vias[i].Params)
		m.Vias[i] = sipmsg.Via{Raw: rot, Host: rot}
	}
	address(&m.From)
	address(&m.To)
	params(m.URI.Params)
	*m = sipmsg.Message{Method: rot, CallID: rot, RequestURI: rot, Reason: rot, Status: 999}
}
