package rtprelay

import "errors"

// The reasons for which the relay refuses work. Each error returned wraps at
// most one of them, with the particulars in its text.
var (
	// ErrClosed: the relay, the session or the stream has been closed.
	ErrClosed = errors.New("rtprelay: closed")
	// ErrNoPorts: every port pair of the address is in use, in quarantine or
	// held by another process.
	ErrNoPorts = errors.New("rtprelay: no free port pair")
	// ErrNoDescriptors: the process or the system is out of file descriptors or
	// socket memory. The port pair has been returned.
	ErrNoDescriptors = errors.New("rtprelay: out of file descriptors")
	// ErrTooManySessions: Config.MaxSessions are open.
	ErrTooManySessions = errors.New("rtprelay: too many sessions")
	// ErrNoNetwork: no such network, or it has no address of that family.
	ErrNoNetwork = errors.New("rtprelay: no such network or address family")
)
