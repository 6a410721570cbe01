//go:build !linux

package rtprelay

// newPoller returns the best poller of this system.
func newPoller() (poller, error) { return newPortable() }

// descriptorLimit is how many files the process may have open; not known here.
func descriptorLimit() (uint64, bool) { return 0, false }

// batchSize is how many datagrams one wait returns at most.
const batchSize = 256
