package resolve

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// A LookupFunc asks the DNS (or /etc/hosts) for the addresses of a name. network
// is "ip", "ip4" or "ip6". It must return when ctx ends.
type LookupFunc func(ctx context.Context, network, host string) ([]netip.Addr, error)

// Config has a default for each field: the zero Config is ready. A number that is
// zero or negative takes its default.
type Config struct {
	Workers    int           // look-ups at a time [8]
	Queue      int           // requests that may wait for one, those being looked up included [1024]
	Timeout    time.Duration // of one look-up [5s]
	TTL        time.Duration // an answer is used again for this long [30s]
	FailureTTL time.Duration // and a failure for this long [2s]
	CacheSize  int           // names remembered [4096]
	MaxTargets int           // addresses kept of one name [16]
	Network    string        // "ip" for A and AAAA, "ip4" or "ip6" for one of them ["ip"]
	Lookup     LookupFunc    // [net.DefaultResolver.LookupNetIP]
	Now        func() time.Time
	Logger     *slog.Logger // nil discards
	Metrics    *Metrics     // nil counts for nobody
}

func (c Config) withDefaults() Config {
	c.Workers = positive(c.Workers, 8)
	c.Queue = positive(c.Queue, 1024)
	c.Timeout = positive(c.Timeout, 5*time.Second)
	c.TTL = positive(c.TTL, 30*time.Second)
	c.FailureTTL = positive(c.FailureTTL, 2*time.Second)
	c.CacheSize = positive(c.CacheSize, 4096)
	c.MaxTargets = positive(c.MaxTargets, 16)
	if c.Network == "" {
		c.Network = "ip"
	}
	if c.Lookup == nil {
		c.Lookup = net.DefaultResolver.LookupNetIP
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = NewMetrics(nil)
	}
	return c
}

func positive[N int | time.Duration](n, otherwise N) N {
	if n > 0 {
		return n
	}
	return otherwise
}
