package policy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// A Service edits the policy and puts it in force. A change goes one way:
// edit a draft inside the store's transaction → compile → commit → swap the
// engine's snapshot → keep it on disk. What does not compile is refused with
// every fault and changes nothing; calls in progress keep their plans.
//
// Reading methods answer from the engine's snapshot: what they return is what
// calls are routed by, whether the database is up or not, after [Service.Refresh]
// or [Service.Restore]. A Service is safe for concurrent use.
type Service struct {
	store   Store
	engine  *Engine
	file    string
	logger  *slog.Logger
	bounds  Bounds
	metrics *Metrics
	now     func() time.Time

	// writing holds one token: who has it may call the store and swap, so that
	// snapshots come into force in the order of their revisions.
	writing chan struct{}

	restored atomic.Bool // what is in force is from the file, which may be of another database
}

// NewService returns a service. File is where the snapshot is kept on disk;
// empty keeps none. A nil logger discards.
func NewService(store Store, engine *Engine, file string, logger *slog.Logger, options ...Option) *Service {
	s := &Service{
		store:   store,
		engine:  engine,
		file:    file,
		logger:  logger,
		now:     time.Now,
		writing: make(chan struct{}, 1),
	}
	for _, option := range options {
		option(s)
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	if s.metrics == nil {
		s.metrics = NewMetrics(nil)
	}
	return s
}

// An Option changes a [Service] at construction.
type Option func(*Service)

// WithBounds sets the bounds that every set must keep.
func WithBounds(b Bounds) Option { return func(s *Service) { s.bounds = b } }

// WithMetrics sets where the service counts.
func WithMetrics(m *Metrics) Option { return func(s *Service) { s.metrics = m } }

// WithClock sets where created_at and updated_at come from; time.Now by
// default.
func WithClock(now func() time.Time) Option { return func(s *Service) { s.now = now } }

// Refresh loads the stored set, puts it in force and keeps it on disk. When
// the store fails or its set does not compile ([*FaultError]), the snapshot
// in force stays.
func (s *Service) Refresh(ctx context.Context) error {
	release, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	next, err := s.load(ctx)
	s.metrics.loads.WithLabelValues(result(err)).Inc()
	if err != nil {
		return err
	}
	s.putInForce(next)
	return nil
}

// load compiles the stored set.
func (s *Service) load(ctx context.Context) (*Snapshot, error) {
	set, err := s.store.LoadPolicy(ctx)
	if err != nil {
		return nil, fmt.Errorf("load policy: %w", err)
	}
	next, err := s.compile(set)
	if err != nil {
		return nil, fmt.Errorf("policy revision %d: %w", set.Revision, err)
	}
	return next, nil
}

// Restore puts the set in force that the last change left on disk, for a node
// whose database cannot be reached. The error wraps [io/fs.ErrNotExist] when
// there is none.
func (s *Service) Restore() error {
	s.writing <- struct{}{}
	defer func() { <-s.writing }()
	set, err := LoadFile(s.file)
	if err != nil {
		return err
	}
	next, err := s.compile(set)
	if err != nil {
		return fmt.Errorf("policy file %s: %w", s.file, err)
	}
	s.engine.Swap(next)
	s.restored.Store(true)
	s.metrics.inForce(next)
	s.logger.Warn("policy restored from file", "revision", next.Revision(), "file", s.file)
	return nil
}

// Set returns a copy of the whole policy in force, objects by name.
func (s *Service) Set(ctx context.Context) (Set, error) {
	if err := ctx.Err(); err != nil {
		return Set{}, err
	}
	return s.engine.Load().Set(), nil
}

// Explain explains a simulated call on the policy in force.
func (s *Service) Explain(q Query) Explanation { return s.engine.Load().Explain(q) }

// Replace makes set the whole policy, and returns what that changed and the
// set as it is now. With dryRun it stops before anything is stored and returns
// the set as it would be. A set that changes nothing keeps the revision.
//
// Objects continue by id, else by name; what set does not hold is removed. Its
// times are ignored. A set with a revision was read from a policy: it would undo
// what others have changed since, so another revision than the stored one is
// refused with an error that wraps [ErrConflict], unless it changes nothing. 0
// is for a set that was written by hand, or is to be restored.
func (s *Service) Replace(ctx context.Context, set Set, dryRun bool) (Diff, Set, error) {
	var diff Diff
	var next Set
	change := func(current *Set) error {
		next = set.clone()
		next.Revision = current.Revision
		diff = adopt(current, &next, s.stamp())
		if diff.Empty() {
			return errUnchanged
		}
		if set.Revision != 0 && set.Revision != current.Revision {
			return fmt.Errorf("%w: the document is of revision %d and the policy of revision %d; read it anew, or leave out revision",
				ErrConflict, set.Revision, current.Revision)
		}
		*current = next
		return nil
	}
	var after *Snapshot
	var err error
	if dryRun {
		after, err = s.dry(ctx, change)
	} else {
		after, err = s.edit(ctx, change)
	}
	switch {
	case errors.Is(err, errUnchanged):
		return diff, next, nil
	case err != nil:
		return Diff{}, Set{}, err
	}
	return diff, after.Set(), nil
}

// errUnchanged rolls back a change that would change nothing, so that applying
// the same document again and again does not count revisions.
var errUnchanged = errors.New("nothing changes")

// edit is the one way to change the policy. It returns the snapshot that came
// into force. Change may run more than once, each time on a fresh set.
func (s *Service) edit(ctx context.Context, change func(*Set) error) (*Snapshot, error) {
	release, err := s.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	var next *Snapshot
	set, err := s.store.EditPolicy(ctx, func(set *Set) error {
		if err := change(set); err != nil {
			return err
		}
		var err error
		next, err = s.compile(*set)
		return err
	})
	s.metrics.changes.WithLabelValues(result(err)).Inc()
	if err != nil {
		return nil, err
	}
	next = next.withRevision(set.Revision)
	s.putInForce(next)
	return next, nil
}

// dry is edit without effect.
func (s *Service) dry(ctx context.Context, change func(*Set) error) (*Snapshot, error) {
	set, err := s.store.LoadPolicy(ctx)
	if err != nil {
		return nil, fmt.Errorf("load policy: %w", err)
	}
	if err := change(&set); err != nil {
		return nil, err
	}
	return s.compile(set)
}

// result classes the outcome of an edit or a load for the metric.
func result(err error) string {
	var faults *FaultError
	switch {
	case err == nil:
		return resultDone
	case errors.Is(err, errUnchanged):
		return resultUnchanged
	case errors.As(err, &faults), errors.Is(err, ErrConflict), errors.Is(err, ErrNotFound):
		return resultRefused
	}
	return resultFailed
}

func (s *Service) compile(set Set) (*Snapshot, error) {
	begin := time.Now()
	next, faults := CompileWithin(set, s.bounds)
	s.metrics.compile.Set(time.Since(begin).Seconds())
	if len(faults) > 0 {
		return nil, &FaultError{Faults: faults}
	}
	return next, nil
}

// putInForce swaps first and writes the file after: a full disk must not keep
// a stored policy from being used.
func (s *Service) putInForce(next *Snapshot) {
	s.engine.Swap(next)
	s.restored.Store(false)
	s.metrics.inForce(next)
	s.metrics.storedIs(next.Revision(), s.now())
	s.logger.Info("policy in force", "revision", next.Revision(),
		"trunks", len(next.set.Trunks), "routes", len(next.set.Routes))
	if s.file == "" {
		return
	}
	if err := SaveFile(s.file, next.set); err != nil {
		s.metrics.fileErrors.Inc()
		s.logger.Error("policy not kept on disk", "revision", next.Revision(), "error", err)
	}
}

// acquire waits for the token, or for ctx to end.
func (s *Service) acquire(ctx context.Context) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case s.writing <- struct{}{}:
		return func() { <-s.writing }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// stamp returns the time as stores keep it: UTC, whole microseconds.
func (s *Service) stamp() time.Time { return s.now().UTC().Truncate(time.Microsecond) }
