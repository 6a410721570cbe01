package txn

import (
	"iter"
	"maps"
)

// A Table finds the transaction a message belongs to. T is whatever its owner
// keeps for one: mostly a pointer to the thing that holds the [Client] or
// [Server]. There is one Table per shard; it is not safe for concurrent use. The
// zero Table is empty and ready.
type Table[T any] struct {
	clients map[ClientKey]T
	servers map[ServerKey]serverEntry[T]
	merged  map[MergeKey]ServerKey
}

type serverEntry[T any] struct {
	value T
	merge MergeKey
}

// AddClient files v under k. It reports false, and changes nothing, when there
// is one with that key already.
func (t *Table[T]) AddClient(k ClientKey, v T) bool {
	if _, ok := t.clients[k]; ok {
		return false
	}
	if t.clients == nil {
		t.clients = make(map[ClientKey]T)
	}
	t.clients[k] = v
	return true
}

// Client returns what AddClient filed under k.
func (t *Table[T]) Client(k ClientKey) (v T, ok bool) {
	v, ok = t.clients[k]
	return v, ok
}

// AllClients yields what AddClient filed, in no order. Entries may be removed
// meanwhile.
func (t *Table[T]) AllClients() iter.Seq[T] { return maps.Values(t.clients) }

// RemoveClient takes k out; it need not be there.
func (t *Table[T]) RemoveClient(k ClientKey) { delete(t.clients, k) }

// AddServer files v under k, and under m unless that is zero or taken. It
// reports false, and changes nothing, when there is one with that key already.
func (t *Table[T]) AddServer(k ServerKey, m MergeKey, v T) bool {
	if _, ok := t.servers[k]; ok {
		return false
	}
	if t.servers == nil {
		t.servers = make(map[ServerKey]serverEntry[T])
		t.merged = make(map[MergeKey]ServerKey)
	}
	if _, taken := t.merged[m]; taken {
		m = MergeKey{}
	}
	t.servers[k] = serverEntry[T]{value: v, merge: m}
	if m != (MergeKey{}) {
		t.merged[m] = k
	}
	return true
}

// MoveServer files v under k instead of what AddServer filed there; it must be there.
func (t *Table[T]) MoveServer(k ServerKey, v T) {
	e := t.servers[k]
	e.value = v
	t.servers[k] = e
}

// Server returns what AddServer filed under k.
func (t *Table[T]) Server(k ServerKey) (v T, ok bool) {
	e, ok := t.servers[k]
	return e.value, ok
}

// Merged returns the transaction of another copy of the same request, for a
// request that [Table.Server] does not know: answer it 482 (RFC 3261 §8.2.2.2).
func (t *Table[T]) Merged(m MergeKey) (v T, ok bool) {
	k, ok := t.merged[m]
	if !ok {
		return v, false
	}
	return t.servers[k].value, true
}

// RemoveServer takes k out, and the merge key it was added with; it need not be
// there.
func (t *Table[T]) RemoveServer(k ServerKey) {
	e, ok := t.servers[k]
	if !ok {
		return
	}
	delete(t.servers, k)
	if e.merge != (MergeKey{}) {
		delete(t.merged, e.merge)
	}
}

// Clients returns how many client transactions there are.
func (t *Table[T]) Clients() int { return len(t.clients) }

// Servers returns how many server transactions there are.
func (t *Table[T]) Servers() int { return len(t.servers) }
