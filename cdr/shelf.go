package cdr

import "sync"

// shelfRoom bounds how many ended records wait in memory for the flusher. They
// are on disk as well: what finds no room is read from there.
const shelfRoom = 4096

// A shelf holds ended records as they were appended, so that a flusher which
// keeps up need not decode what the journal has just encoded.
type shelf struct {
	mu    sync.Mutex // guards the following field
	items []shelved  // in the order of the journal
}

type shelved struct {
	at  cursor
	rec *Record
}

// put keeps the record of the entry at a place, if there is room. Places come
// in order.
func (s *shelf) put(at cursor, rec *Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.items) < shelfRoom {
		s.items = append(s.items, shelved{at, rec})
	}
}

// take returns the record of the entry at a place, nil when it is not here. It
// lets go of all that lie before it: the flusher does not turn back.
func (s *shelf) take(at cursor) *Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, rec := 0, (*Record)(nil)
	for ; n < len(s.items) && !at.before(s.items[n].at); n++ {
		if s.items[n].at == at {
			rec = s.items[n].rec
		}
	}
	clear(s.items[:n])
	if s.items = s.items[n:]; len(s.items) == 0 {
		s.items = nil
	}
	return rec
}
