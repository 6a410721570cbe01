package rtprelay

import "sync"

// slots numbers the pairs of one worker. A token names a socket to the
// poller: generation<<32 | slot<<1 | 1 for the RTCP socket. The generation
// moves each time a slot is used again, and the number of a file descriptor is
// never a key, so an event that was already on its way when its sockets were
// closed finds nobody, whoever has the slot or the descriptor by then. An event
// says that a socket may have something, so one that a pair's former stream
// caused is no more than a look in vain.
type slots struct {
	mu          sync.Mutex
	generations []uint32
	free        []uint32
}

// take returns the token of a new pair's RTP socket.
func (s *slots) take() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) == 0 {
		s.generations = append(s.generations, 0)
		s.free = append(s.free, uint32(len(s.generations)-1))
	}
	slot := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	s.generations[slot]++
	return uint64(s.generations[slot])<<32 | uint64(slot)<<1
}

// release makes the slot of a token free.
func (s *slots) release(token uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, slotOf(token))
}

// slotOf is the slot of a token.
func slotOf(token uint64) uint32 { return uint32(token) >> 1 }

// isRTCP reports that a token is of an RTCP socket.
func isRTCP(token uint64) bool { return token&1 == 1 }
