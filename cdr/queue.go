package cdr

import "sync"

// An item is one entry on its way to disk.
type item struct {
	mark   Mark
	callID string
	frame  []byte
	rec    *Record // of an ended call, when its frame says exactly the same
	err    error   // it could not be encoded: only done is owed
	done   func(error)

	reached chan<- cursor // no entry but a [barrier]

	// Set by whoever has the turn, once it is written.
	lsn  uint64   // order of writing, kept when it has to be written again
	seg  *segment // where it is
	end  int64    // and the offset behind it
	from *segment // an older segment that must stay until this one is synced
}

// queue is the bounded list between the callers of Queue and whoever writes.
type queue struct {
	limit     int
	limitSize int64

	mu     sync.Mutex // guards the following fields
	items  []item
	size   int64
	closed bool
}

// room reports whether an entry of this mark would be taken now.
func (q *queue) room(mark Mark) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.roomLocked(mark)
}

func (q *queue) roomLocked(mark Mark) bool {
	n, size := q.limit/2, q.limitSize/2
	if mark == Ended {
		n, size = q.limit, q.limitSize
	}
	return !q.closed && len(q.items) < n && q.size < size
}

// add takes it unless there is no room.
func (q *queue) add(it item) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.roomLocked(it.mark) {
		return false
	}
	q.items = append(q.items, it)
	q.size += int64(len(it.frame))
	return true
}

// addAlways takes it unless the queue is closed.
func (q *queue) addAlways(it item) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.items = append(q.items, it)
	return true
}

// take removes the oldest items, at least one and about size octets of them,
// and appends them to into. It adds none when the queue is empty.
func (q *queue) take(into []item, size int64) []item {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for taken := int64(0); n < len(q.items) && taken < size; n++ {
		taken += int64(len(q.items[n].frame))
	}
	into = append(into, q.items[:n]...)
	for i := range q.items[:n] {
		q.size -= int64(len(q.items[i].frame))
	}
	clear(q.items[:n])
	if q.items = q.items[n:]; len(q.items) == 0 {
		q.items = nil
	}
	return into
}

// empty reports whether there is nothing to take.
func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items) == 0
}

// close makes room and add refuse everything; what is queued can be taken.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}
