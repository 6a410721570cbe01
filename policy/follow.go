package policy

import (
	"context"
	"errors"
	"sync"
	"time"
)

// followTimeout bounds one look into the store. A database that hangs is asked
// again by the next look.
const followTimeout = 4 * time.Second

// A follower is what [Service.Follow] remembers from one look to the next.
type follower struct {
	*Service
	refused int64 // revision that does not compile; 0 is none, which always does
	lost    bool  // the store cannot be read, and that has been said
}

// Follow keeps the stored policy in force, whoever changes it, until ctx ends.
// It looks when the store tells of a change, and every so often all the same,
// for what the store could not tell. A look reads the revision; the set is
// loaded when that has moved. A set that does not compile is refused once, with
// every fault in the log, and what is in force stays. It is called once, after
// [Service.Refresh] or [Service.Restore].
func (s *Service) Follow(ctx context.Context, every time.Duration) {
	told := make(chan struct{}, 1)
	var watch sync.WaitGroup
	watch.Go(func() {
		s.store.WatchPolicy(ctx, func() {
			select {
			case told <- struct{}{}:
			default: // a look is due already
			}
		})
	})
	defer watch.Wait()
	tick := time.NewTicker(every)
	defer tick.Stop()
	f := &follower{Service: s, lost: s.restored.Load()}
	for {
		select {
		case <-told:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		f.look(ctx)
	}
}

// look brings what is in force up to what is stored.
func (f *follower) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, followTimeout)
	defer cancel()
	revision, err := f.store.PolicyRevision(ctx)
	if err == nil {
		f.metrics.stored.Set(float64(revision))
		if revision == f.refused {
			return
		}
		if f.restored.Load() || revision != f.engine.Load().Revision() {
			err = f.Refresh(ctx)
		}
	}
	var faults *FaultError
	switch {
	case errors.As(err, &faults):
		f.refused, f.lost = revision, false
		f.logger.Error("the stored policy cannot be used; calls go on by the one in force", "revision", f.engine.Load().Revision(), "err", err)
		return
	case err != nil && context.Cause(ctx) == context.Canceled: //nolint:errorlint // of ctx itself: we are told to stop
	case err != nil && !f.lost:
		f.lost = true
		f.logger.Warn("the stored policy cannot be read; calls go on by the one in force", "revision", f.engine.Load().Revision(), "err", err)
	case err == nil && f.lost:
		f.lost = false
		f.logger.Info("the database is back; calls go by the policy in it", "revision", f.engine.Load().Revision())
	}
	if err == nil {
		f.refused = 0
		f.metrics.storedIs(f.engine.Load().Revision(), f.now())
	}
}
