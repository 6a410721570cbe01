// Package transport moves SIP messages between the network and the process:
// listeners, and flows to peers. It knows addresses and bytes; it looks into a
// message only to find its end in a stream.
//
// The path of a datagram, in the order of the files:
//
//	Listen            check the configuration, bind, start the readers (url.go, set.go)
//	reader.loop       socket → batch → Budget.Take → Config.Receive (read.go, budget.go)
//	                  error queue → Config.SendError (errqueue_linux.go, icmp.go)
//	Set.Select        which listener sends to an address (set.go)
//	Set.Write         batch → socket (write.go)
//
// Sockets themselves are opened in udp_linux.go and udp_other.go; the system calls
// are in batch_linux.go and mmsg_linux.go. The way of a message over TCP is told in stream.go.
package transport

import (
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"time"
)

// A Flow is the way between one listener and one peer. It is comparable plain
// data and may be kept and written out. The zero Flow leads nowhere: its peer is
// not valid.
type Flow struct {
	Listener int            // index into [Set.Listeners]
	Conn     uint64         // the connection of a stream transport; 0 on UDP, and for any that leads to Peer
	Peer     netip.AddrPort // never a v4-mapped address
}

// A Listener is one address on which messages arrive, and from which they leave.
type Listener struct {
	URL       string         // as configured
	Network   string         // "default" unless configured
	Transport string         // "udp" or "tcp"
	Addr      netip.AddrPort // bound address; the port is the real one
	Advertise string         // host:port for Via and Contact; never empty
}

// ListenerConfig asks for a [Listener].
type ListenerConfig struct {
	URL       string // udp://IP[:port], default port 5060; port 0 takes a free one
	Network   string // "" means "default"
	Advertise string // host[:port] in Via and Contact; "" means the bound address
}

// A Packet is one datagram, or one message of a stream, that has arrived. Data is
// valid only during the call of Config.Receive.
type Packet struct {
	Flow Flow
	Data []byte
	At   time.Time // when it was read

	// Flaw, a *sipmsg.Error, is why a stream cannot be read any further: Data is the
	// header of the message that broke it. The connection is closed when Receive
	// has returned, and what was written to it until then goes out. nil is good.
	Flaw error
}

// Outgoing is one message to send. Data must not change any more.
//
// Over a stream, Flow.Conn 0 means any connection to Flow.Peer, and a new one when
// there is none. When Flow.Conn names a connection that is gone, the message
// fails with [ErrGone]; with Redial it goes to Flow.Peer as if Conn were 0. That
// is for what belongs to the peer and not to a connection, such as a response
// (RFC 3261 §18.2.2).
type Outgoing struct {
	Flow   Flow
	Data   []byte
	Redial bool
}

// Defaults of [Config].
const (
	DefaultNetwork     = "default"
	DefaultReadBuffer  = 4 << 20
	DefaultBatch       = 32
	DefaultMaxDatagram = 65535
)

// Bounds of [Config].
const (
	maxSockets  = 256
	maxBatch    = 1024 // UIO_MAXIOV, the kernel's own bound for one recvmmsg
	maxDatagram = 65535
)

// Config says where to listen and who is told. Zero values mean the defaults;
// Listeners and Receive are required.
type Config struct {
	Listeners []ListenerConfig

	Sockets     int // sockets per UDP listener; 0 means one per two processors, 1 where the platform cannot share
	ReadBuffer  int // bytes of kernel buffer to ask for, each way; 0 means 4 MiB
	Batch       int // datagrams per system call; 0 means 32
	MaxDatagram int // bytes; a longer datagram is dropped and counted; 0 means 65535

	// BatchDelay is how long a reader of datagrams lets the next ones gather
	// while at least 16 come in such a time; see [gate.Pace]. 0 means never.
	BatchDelay time.Duration

	Streams StreamConfig // bounds of connections

	// Budget is asked about each datagram's source before anything is made of
	// it, but not for keep-alives; nil: nobody is refused.
	Budget *Budget

	// Receive takes what has arrived, in order, one call at a time per socket.
	// All datagrams of one peer come through the same socket; a connection is a
	// socket of its own, and its messages come one by one. It is called in
	// the reader's goroutine: nothing more is read from that socket until it
	// returns. A panic is caught, logged and counted.
	Receive func([]Packet)

	// SendError is told of a message that could not be sent, in the goroutine
	// that called Write; and of one that was sent over UDP in vain, as the
	// network says, in any goroutine that reads or writes. Then the error is an
	// [*ICMPError], Data is no more than the beginning of the message and valid
	// only during the call, and whoever acts on it should make sure that the
	// message did go there: ICMP can be forged. nil: only counted.
	SendError func(Outgoing, error)

	// Closed is told that a connection is gone, and why; nobody is told of one that
	// never came up. Requests that wait for an answer on it will not get one there.
	// It is called in any goroutine, also in one that is in Write. nil: nobody.
	Closed func(Flow, error)

	// Beat is called by a reader that lets datagrams gather, after each rest: the
	// moment for what has been waiting, too. again says that it is called again
	// after the next one, within about BatchDelay; the last call before it is not
	// says false. It is called in the reader's goroutine, which must not wait, and a
	// panic is caught as that of Receive. nil: nobody.
	Beat func(again bool)

	Logger  *slog.Logger // nil discards
	Metrics *Metrics     // each Set needs its own; nil: collectors that nobody reads
}

func (c Config) withDefaults() Config {
	if c.Sockets == 0 {
		// Every reader wakes up for itself: more than can be busy only cost.
		c.Sockets = min((runtime.GOMAXPROCS(0)+1)/2, maxSockets)
	}
	if c.ReadBuffer == 0 {
		c.ReadBuffer = DefaultReadBuffer
	}
	if c.Batch == 0 {
		c.Batch = DefaultBatch
	}
	if c.MaxDatagram == 0 {
		c.MaxDatagram = DefaultMaxDatagram
	}
	if c.SendError == nil {
		c.SendError = func(Outgoing, error) {}
	}
	if c.Closed == nil {
		c.Closed = func(Flow, error) {}
	}
	c.Streams = c.Streams.withDefaults()
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = NewMetrics(nil)
	}
	return c
}

func (c Config) validate() error {
	switch {
	case len(c.Listeners) == 0:
		return fmt.Errorf("transport: sip.listen: at least one address is needed")
	case c.Receive == nil:
		return fmt.Errorf("transport: Config.Receive is nil")
	case c.Sockets < 1 || c.Sockets > maxSockets:
		return fmt.Errorf("transport: %d sockets per listener: must be 1 to %d", c.Sockets, maxSockets)
	case c.ReadBuffer < 0:
		return fmt.Errorf("transport: read buffer of %d bytes: must be positive", c.ReadBuffer)
	case c.Batch < 1 || c.Batch > maxBatch:
		return fmt.Errorf("transport: batch of %d datagrams: must be 1 to %d", c.Batch, maxBatch)
	case c.BatchDelay < 0:
		return fmt.Errorf("transport: batch delay of %v: must not be negative", c.BatchDelay)
	case c.MaxDatagram < 1 || c.MaxDatagram > maxDatagram:
		return fmt.Errorf("transport: datagrams of %d bytes: must be 1 to %d", c.MaxDatagram, maxDatagram)
	}
	return c.Streams.validate()
}
