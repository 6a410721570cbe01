package sipmsg

import "net/netip"

// A Room is the memory of one parsed message: the [Message] and the values of its
// lists. What is rare grows out of it. Who reads many messages and forgets each
// before the next uses one Room again and again.
//
// Text, Headers and Body of a message are not in its Room: a copy of the message
// may go on using them when the Room is used for another one. Everything else
// that it points to belongs to the Room: Vias, Contacts, Routes, RecordRoutes and
// every Params.
//
// The zero Room is empty and ready.
type Room struct {
	m         Message
	vias      [2]Via
	addresses [2]Address
	params    [14]Param
	free      paramRoom // what the message has left of params, or of a longer list
}

// Parse reads one message into an empty Room, with the default [Limits]. See
// [Limits.Parse].
func (r *Room) Parse(datagram []byte) (*Message, error) { return Limits{}.parse(r, datagram) }

// Message returns what has been parsed into the Room.
func (r *Room) Message() *Message { return &r.m }

// StampReceived is [StampReceived] for the message in the Room.
func (r *Room) StampReceived(src netip.AddrPort) {
	if n := stamp(&r.m, src, r.free.free); n > 0 {
		r.free.free = r.free.free[n:]
	}
}

// Clear empties the Room. Its message must not be used any more, nor what is in
// the Room of a copy of that.
func (r *Room) Clear() {
	for _, list := range [...][]Address{r.m.Contacts, r.m.Routes, r.m.RecordRoutes} {
		clear(list)
	}
	clear(r.m.Vias)
	clear(r.params[:])
	r.m, r.free = Message{}, paramRoom{}
}

// lists gives each kind of list its place, for at most so many values: in the Room
// when there is space, else in an allocation for all of the kind.
func (r *Room) lists(vias, contacts, routes, recordRoutes, params int) {
	m := &r.m
	if m.Vias = r.vias[:0]; vias > len(r.vias) {
		m.Vias = make([]Via, 0, vias)
	}
	free := r.addresses[:]
	if n := contacts + routes + recordRoutes; n > len(free) {
		free = make([]Address, n)
	}
	take := func(n int) (list []Address) {
		if n > 0 {
			list, free = free[:0:n], free[n:]
		}
		return list
	}
	m.Contacts, m.Routes, m.RecordRoutes = take(contacts), take(routes), take(recordRoutes)
	if r.free.free = r.params[:]; params > len(r.params) {
		r.free.free = make([]Param, min(params, maxParams)) // a second list as long is rare
	}
}
