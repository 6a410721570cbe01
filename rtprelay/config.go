package rtprelay

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"runtime"
	"slices"
	"time"
)

// What the zero value of a Config field stands for.
const (
	DefaultQuarantine   = 3 * time.Second
	DefaultLearnWindow  = 10 * time.Second
	DefaultLearnPackets = 3
	DefaultMaxSessions  = 20000
	DefaultEventQueue   = 1024
	DefaultBatchDelay   = 500 * time.Microsecond
	DefaultSpareSockets = 8192
	DefaultSpareIdle    = 2 * time.Minute
)

// maxWorkers bounds Config.Workers: more threads than this never helps.
const maxWorkers = 256

// maxBatchDelay bounds Config.BatchDelay: one packet of voice.
const maxBatchDelay = 20 * time.Millisecond

// A Network is a set of local addresses and the ports to use on them.
type Network struct {
	Addresses []netip.Addr // at most one per family, no wildcard, no zone
	PortMin   int          // first port of the range, 1024..65534; an odd first port is left out
	PortMax   int          // last port of the range, inclusive; every RTP port is even, its RTCP port is the next (RFC 3550 §11)
}

// Config says what a Relay may use. Zero fields take the defaults above.
type Config struct {
	Networks     map[string]Network // by name; at least one
	Workers      int                // threads that move packets; 0 = GOMAXPROCS
	Quarantine   time.Duration      // before a released port pair is used again; 0 = 3 s, negative = none
	LearnWindow  time.Duration      // after SetRemote, how long a source that was not signalled may be learned; 0 = 10 s
	LearnPackets int                // consistent packets it takes to learn such a source, 1..255; 0 = 3
	MaxSessions  int                // open sessions; 0 = 20000
	EventQueue   int                // events waiting per worker, more are dropped and counted; 0 = 1024
	BatchDelay   time.Duration      // how long packets of a busy worker may wait for more to come, at most 20 ms; 0 = 0.5 ms, negative = not at all
	SpareSockets int                // kept open for calls to come; they make room for those in use, 4 MaxSessions in all; 0 = 8192, negative = none
	SpareIdle    time.Duration      // spare sockets that were not needed for so long are closed, within twice that; 1 s to 1 h; 0 = 2 min
	Events       func([]Event)      // receives batches, from one goroutine of the relay; the slice is valid only during the call; nil = discard
	Logger       *slog.Logger       // nil = discard
	Metrics      *Metrics           // nil = unregistered

	// Replaced in tests: the door to the operating system, and the clock.
	newPoller func() (poller, error)
	now       func() time.Duration // monotonic, from 0 at the relay's start
}

// withDefaults returns c with its zero fields filled in.
func (c Config) withDefaults() Config {
	if c.Workers == 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	if c.Quarantine == 0 {
		c.Quarantine = DefaultQuarantine
	}
	if c.LearnWindow == 0 {
		c.LearnWindow = DefaultLearnWindow
	}
	if c.LearnPackets == 0 {
		c.LearnPackets = DefaultLearnPackets
	}
	if c.MaxSessions == 0 {
		c.MaxSessions = DefaultMaxSessions
	}
	if c.EventQueue == 0 {
		c.EventQueue = DefaultEventQueue
	}
	if c.BatchDelay == 0 {
		c.BatchDelay = DefaultBatchDelay
	}
	if c.SpareSockets == 0 {
		c.SpareSockets = DefaultSpareSockets
	}
	if c.SpareIdle == 0 {
		c.SpareIdle = DefaultSpareIdle
	}
	if c.Events == nil {
		c.Events = func([]Event) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if c.Metrics == nil {
		c.Metrics = NewMetrics(nil)
	}
	if c.newPoller == nil {
		c.newPoller = newPoller
	}
	if c.now == nil {
		start := time.Now()
		c.now = func() time.Duration { return time.Since(start) }
	}
	return c
}

// Validate reports every field that is out of bounds, joined. Defaults are
// applied first, so the zero value of an optional field is always valid.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	if len(c.Networks) == 0 {
		errs = append(errs, errors.New("rtprelay: Networks is empty, want at least 1"))
	}
	for name, n := range c.Networks {
		errs = append(errs, n.validate(name)...)
	}
	for _, f := range []struct {
		name          string
		value, lo, hi int
	}{
		{"Workers", c.Workers, 1, maxWorkers},
		{"LearnPackets", c.LearnPackets, 1, 255},
		{"MaxSessions", c.MaxSessions, 1, 1 << 24},
		{"EventQueue", c.EventQueue, 1, 1 << 20},
	} {
		if f.value < f.lo || f.value > f.hi {
			errs = append(errs, fmt.Errorf("rtprelay: %s is %d, want %d to %d", f.name, f.value, f.lo, f.hi))
		}
	}
	if c.Quarantine > time.Hour {
		errs = append(errs, fmt.Errorf("rtprelay: Quarantine is %v, want at most 1h", c.Quarantine))
	}
	if c.LearnWindow < 0 || c.LearnWindow > time.Hour {
		errs = append(errs, fmt.Errorf("rtprelay: LearnWindow is %v, want 0 to 1h", c.LearnWindow))
	}
	if c.BatchDelay > maxBatchDelay {
		errs = append(errs, fmt.Errorf("rtprelay: BatchDelay is %v, want at most %v", c.BatchDelay, maxBatchDelay))
	}
	if c.SpareSockets > 1<<24 {
		errs = append(errs, fmt.Errorf("rtprelay: SpareSockets is %d, want at most %d", c.SpareSockets, 1<<24))
	}
	if c.SpareIdle < time.Second || c.SpareIdle > time.Hour {
		errs = append(errs, fmt.Errorf("rtprelay: SpareIdle is %v, want 1s to 1h", c.SpareIdle))
	}
	return errors.Join(append(errs, c.overlaps()...)...)
}

// overlaps reports networks whose ranges overlap on one address without being
// the same: they would take each other's ports.
func (c Config) overlaps() []error {
	var errs []error
	names := slices.Sorted(maps.Keys(c.Networks))
	for i, name := range names {
		for _, other := range names[:i] {
			a, b := c.Networks[name], c.Networks[other]
			same := a.PortMin == b.PortMin && a.PortMax == b.PortMax
			if same || a.PortMin > b.PortMax || b.PortMin > a.PortMax {
				continue
			}
			for _, address := range a.Addresses {
				if slices.Contains(b.Addresses, address) {
					errs = append(errs, fmt.Errorf("rtprelay: Networks[%q] has ports %d-%d on %v, want the range of Networks[%q], %d-%d, or none of it",
						name, a.PortMin, a.PortMax, address, other, b.PortMin, b.PortMax))
				}
			}
		}
	}
	return errs
}

// validate reports every fault of the network called name.
func (n Network) validate(name string) []error {
	var errs []error
	fail := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("rtprelay: Networks[%q]."+format, append([]any{name}, args...)...))
	}
	if len(n.Addresses) == 0 {
		fail("Addresses is empty, want 1 or 2")
	}
	var seen [2]bool
	for _, a := range n.Addresses {
		switch {
		case !a.IsValid() || a.IsUnspecified() || a.IsMulticast():
			fail("Addresses has %v, want a unicast address of this machine", a)
		case a.Zone() != "":
			fail("Addresses has %v, want an address without a zone", a)
		case seen[family(a)]:
			fail("Addresses has %v, want at most one address per family", a)
		default:
			seen[family(a)] = true
		}
	}
	if n.PortMin < 1024 || n.PortMin > 65534 {
		fail("PortMin is %d, want 1024 to 65534", n.PortMin)
	}
	if n.PortMax > 65535 || n.PortMax < firstEven(n.PortMin)+1 {
		fail("PortMax is %d, want %d to 65535", n.PortMax, firstEven(n.PortMin)+1)
	}
	return errs
}

// family is 0 for an IPv4 address, also when it is mapped into IPv6, else 1.
func family(a netip.Addr) int {
	if a.Unmap().Is4() {
		return 0
	}
	return 1
}

// firstEven returns the first even port not below port.
func firstEven(port int) int { return port + port&1 }
