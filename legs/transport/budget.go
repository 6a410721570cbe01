package transport

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"time"
)

// The walk of a message that has not been looked at yet: Budget.Take → is its
// source somebody's? → ledger.take of the strangers, or of the known. No lock,
// nothing allocated; memory is fixed.

// Bounds of [Limit].
const (
	MaxRate  = 1_000_000
	MaxBurst = 1_000_000
)

// A Limit is a token bucket: so many messages a second, and so many at once
// after a silence. A Rate of 0 is no limit.
type Limit struct {
	Rate  int // messages a second, 0 to 1,000,000
	Burst int // messages, 1 to 1,000,000; not looked at when there is no limit
}

func (l Limit) validate(who string) error {
	switch {
	case l.Rate < 0 || l.Rate > MaxRate:
		return fmt.Errorf("transport: %s: %d messages a second: must be from 0 to %d", who, l.Rate, MaxRate)
	case l.Rate > 0 && (l.Burst < 1 || l.Burst > MaxBurst):
		return fmt.Errorf("transport: %s: a burst of %d messages: must be from 1 to %d", who, l.Burst, MaxBurst)
	}
	return nil
}

// BudgetConfig says what one source may send.
type BudgetConfig struct {
	Stranger Limit // of a source that nobody has heard of
	Trunk    Limit // of an address that Known or Vouch stands for

	// Known reports whether a trunk has this address. It is asked for every
	// message, from many goroutines, and must be quick. nil: nobody is known.
	Known func(netip.Addr) bool
}

// A Budget says how many messages one source may send before anything in them
// is read. A source is an IPv4 address, or the /64 of an IPv6 address: who has
// one address of such a network has all of them. One Budget may serve all
// transports of a process; its methods may be called from anywhere at any time.
// A nil Budget refuses nobody.
//
// The buckets of strangers and those of trunks are apart, so no number of
// strangers takes a token from a trunk. Each kind has a table of fixed size
// (65,536 and 8,192 places) in which a source has one of eight places, by a hash
// that outsiders cannot compute. A bucket that is full again gives up its place,
// and nothing is lost with it. When none of the eight is full, a newcomer takes
// over the fullest with what is left in it: under a flood from more sources than
// there are places a stranger may find less than its due, and all of them
// together never get more than the places hold.
type Budget struct {
	known           func(netip.Addr) bool
	stranger, trunk bucket
	seed            maphash.Seed
	start           time.Time // what the tables count from

	strangers, trunks ledger
	vouched           ledger // due: until when
}

// How many sets of eight places the tables have.
const (
	strangerSets = 8192
	trunkSets    = 1024
)

// vouchTime is how long a word for an address holds: longer than most calls, and
// not for ever, as addresses change hands.
const vouchTime = time.Hour

// NewBudget makes a budget in which every bucket is full. The error names the
// limit that is out of its bounds.
func NewBudget(cfg BudgetConfig) (*Budget, error) {
	if err := cfg.Stranger.validate("strangers"); err != nil {
		return nil, err
	}
	if err := cfg.Trunk.validate("trunks"); err != nil {
		return nil, err
	}
	if cfg.Known == nil {
		cfg.Known = func(netip.Addr) bool { return false }
	}
	return &Budget{
		known: cfg.Known, stranger: newBucket(cfg.Stranger), trunk: newBucket(cfg.Trunk),
		seed: maphash.MakeSeed(), start: time.Now(),
		strangers: newLedger(strangerSets), trunks: newLedger(trunkSets), vouched: newLedger(trunkSets),
	}, nil
}

// Take takes one message from the budget of a source and reports whether there
// was one left. It does not allocate.
func (b *Budget) Take(addr netip.Addr, now time.Time) bool {
	if b == nil || (b.stranger.unlimited() && b.trunk.unlimited()) {
		return true
	}
	source, at := b.source(addr), int64(now.Sub(b.start))
	if b.known(addr) || b.vouched.until(source, at) {
		return b.trunks.take(source, at, b.trunk)
	}
	return b.strangers.take(source, at, b.stranger)
}

// Vouch makes an address known for an hour, because a trunk's request goes
// there: a gateway with a host name is in no policy by its address.
func (b *Budget) Vouch(addr netip.Addr, now time.Time) {
	if b != nil {
		at := int64(now.Sub(b.start))
		b.vouched.place(b.source(addr)).Store(at + int64(vouchTime))
	}
}

// source is what the tables know a source by, never 0.
func (b *Budget) source(addr netip.Addr) uint64 {
	addr = addr.Unmap()
	a := addr.As16()
	n := len(a)
	if addr.Is6() {
		n = 8
	}
	return maphash.Bytes(b.seed, a[:n]) | 1
}
