package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"b2bua/cdr"
	"b2bua/policy"
)

// Config is what the API serves and within which bounds. The zero value of a
// bound means its default.
type Config struct {
	Policy *policy.Service
	Calls  Calls
	CDRs   CDRs

	// Ready reports why the server cannot take calls, nil when it can; nil
	// means always ready. Its text is shown to anyone who asks /readyz: no
	// secret may be in it.
	Ready func() error

	// Unavailable is what errors of the database wrap while it is down; they
	// are answered with 503. Nil: they are faults of ours.
	Unavailable error

	// Metrics serves /metrics; nil serves an empty exposition. OpenMetrics
	// serves it without the token.
	Metrics     http.Handler
	OpenMetrics bool

	// Token is what every request but those for the open paths must carry.
	// Empty refuses them all.
	Token string

	// Debug serves the runtime's profiles below /debug/pprof/, with the token.
	Debug bool

	Version string       // of this build, in the Server header of authenticated answers
	Logger  *slog.Logger // nil discards
	Own     *Metrics     // of this package; nil counts for nobody

	MaxBodyBytes   int64            // of a request; default 1 MiB
	MaxPolicyBytes int64            // of PUT /v1/policy; default 16 MiB
	MaxExports     int              // CDR exports at the same time; default 2
	RequestTimeout time.Duration    // of everything but exports; default 30 s
	Now            func() time.Time // default time.Now
}

// Calls is what the API needs of the calls in progress. Records are copies.
type Calls interface {
	List(ctx context.Context) ([]cdr.Record, error)

	// Get returns one call. The error wraps [cdr.ErrNotFound] when no such
	// call is live.
	Get(ctx context.Context, callID string) (cdr.Record, error)

	// Hangup begins to end a call, with BYE or CANCEL on its legs, and
	// returns before it has ended. The error wraps [cdr.ErrNotFound] when no
	// such call is live.
	Hangup(ctx context.Context, callID string) error
}

// CDRs is what the API needs of the store of ended calls.
type CDRs interface {
	ListCDRs(ctx context.Context, q cdr.Query) (cdr.Page, error)
	GetCDR(ctx context.Context, callID string) (cdr.Record, error)
	ExportCDRs(ctx context.Context, q cdr.Query, each func(*cdr.Record) error) error
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Own == nil {
		c.Own = NewMetrics(nil)
	}
	if c.MaxBodyBytes == 0 {
		c.MaxBodyBytes = 1 << 20
	}
	if c.MaxPolicyBytes == 0 {
		c.MaxPolicyBytes = 16 << 20
	}
	if c.MaxExports == 0 {
		c.MaxExports = 2
	}
	if c.RequestTimeout == 0 {
		c.RequestTimeout = 30 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}
