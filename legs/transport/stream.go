package transport

import (
	"fmt"
	"net/netip"
	"time"
)

// The way of a message over a connection, in the order of the files:
//
//	Set.accept        a peer connects, within the bounds (accept.go)
//	Set.Connect       or we do, in a bounded pool (dial.go)
//	conn.read         stream → messages → Config.Receive (conn_read.go)
//	conn.write        message → queue → stream (conn_write.go)
//
// A [conn] is written for any net.Conn; only tryWrite, which saves a change of
// goroutine, knows TCP.

// Defaults of [StreamConfig].
const (
	DefaultConnections    = 1024
	DefaultPerSource      = 128
	DefaultDials          = 64
	DefaultDialTimeout    = 5 * time.Second
	DefaultIdleTimeout    = 10 * time.Minute
	DefaultMessageTimeout = 10 * time.Second
	DefaultWriteTimeout   = 10 * time.Second
	DefaultWriteQueue     = 256 << 10
	DefaultMaxMessage     = 65535
	DefaultKeepAlive      = 30 * time.Second
)

// StreamConfig bounds the connections of stream transports. Zero fields mean
// their defaults.
type StreamConfig struct {
	Connections int // at a time, accepted and dialled; 1024
	PerSource   int // accepted from one IPv4 address or one IPv6 /64; 128
	Dials       int // under way at a time; 64

	DialTimeout    time.Duration // until a connection is up; 5 s
	IdleTimeout    time.Duration // nothing read or written for so long: closed; 10 min
	MessageTimeout time.Duration // from the first byte of a message to its last, and until an accepted connection has brought one; 10 s
	WriteTimeout   time.Duration // until the peer has taken what waits for it; 10 s
	KeepAlive      time.Duration // between two probes of TCP on a silent connection; 30 s, less than 0 is never

	WriteQueue int // bytes that wait for a peer that does not read; more closes the connection; 256 KiB
	MaxMessage int // bytes; a longer message closes the connection; 65535

	// Known reports whether somebody is known to call from an address. Strangers
	// get no more than a quarter of Connections, and keep none by keep-alives alone. It is asked for every connection
	// accepted, and must be quick. nil: everybody is known.
	Known func(netip.Addr) bool
}

func (c StreamConfig) withDefaults() StreamConfig {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	span := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	def(&c.Connections, DefaultConnections)
	def(&c.PerSource, DefaultPerSource)
	def(&c.Dials, DefaultDials)
	def(&c.WriteQueue, DefaultWriteQueue)
	def(&c.MaxMessage, DefaultMaxMessage)
	span(&c.DialTimeout, DefaultDialTimeout)
	span(&c.IdleTimeout, DefaultIdleTimeout)
	span(&c.MessageTimeout, DefaultMessageTimeout)
	span(&c.WriteTimeout, DefaultWriteTimeout)
	span(&c.KeepAlive, DefaultKeepAlive)
	if c.Known == nil {
		c.Known = func(netip.Addr) bool { return true }
	}
	return c
}

func (c StreamConfig) validate() error {
	for _, n := range []struct {
		what  string
		value int
	}{
		{"connections", c.Connections},
		{"connections per source", c.PerSource},
		{"dials at a time", c.Dials},
		{"bytes of write queue", c.WriteQueue},
		{"bytes of a message", c.MaxMessage},
	} {
		if n.value < 1 {
			return fmt.Errorf("transport: %d %s: must be positive", n.value, n.what)
		}
	}
	for _, d := range []struct {
		what  string
		value time.Duration
	}{
		{"dial", c.DialTimeout},
		{"idle", c.IdleTimeout},
		{"message", c.MessageTimeout},
		{"write", c.WriteTimeout},
	} {
		if d.value < 0 {
			return fmt.Errorf("transport: %s timeout of %s: must be positive", d.what, d.value)
		}
	}
	return nil
}

// strangers is how many connections those whom nobody knows may have.
func (c StreamConfig) strangers() int { return max(1, c.Connections/4) }

// IsStream reports whether a transport runs over connections: it is reliable,
// and a request is never sent twice (RFC 3261 §17.1.1.2).
func IsStream(transport string) bool { return transport != "udp" }
