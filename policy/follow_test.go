package policy_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"b2bua/policy"
)

// other is another process on the same store.
func (b *bench) other(t *testing.T) *policy.Service {
	t.Helper()
	s := policy.NewService(b.store, policy.NewEngine(nil), "", nil)
	ok(t, s.Refresh(t.Context()))
	return s
}

// following runs f with a bench that follows its store.
func following(t *testing.T, f func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.smallest(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.Follow(ctx, 2*time.Second)
		}()
		synctest.Wait()
		f(t, b)
		cancel()
		<-done
	})
}

// What the store tells of is in force at once, what it does not tell of after
// the next look; and a look at what has not moved loads nothing.
func TestFollow(t *testing.T) {
	t.Parallel()
	following(t, func(t *testing.T, b *bench) {
		other := b.other(t)
		inForce := func() int64 { return b.engine.Load().Revision() }
		was, loads := inForce(), b.store.Loads()
		time.Sleep(time.Minute)
		if b.store.Loads() != loads || inForce() != was {
			t.Errorf("%d loads of a policy that does not change", b.store.Loads()-loads)
		}

		ok(t, second(other.Accounts().Create(t.Context(), policy.NewAccount("told"))))
		b.store.Tell()
		synctest.Wait()
		if inForce() != was+1 {
			t.Errorf("revision %d is in force, want %d", inForce(), was+1)
		}
		ok(t, second(other.Accounts().Create(t.Context(), policy.NewAccount("untold"))))
		time.Sleep(2*time.Second - time.Millisecond)
		synctest.Wait()
		if inForce() != was+1 {
			t.Errorf("revision %d is in force too early", inForce())
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if inForce() != was+2 {
			t.Errorf("revision %d is in force, want %d", inForce(), was+2)
		}
		got := gathered(t, b.reg)
		if got["b2bua_policy_stored_revision"] != float64(was+2) || got["b2bua_policy_confirmed_timestamp_seconds"] != float64(b.now.Unix()) {
			t.Errorf("metrics %v", got)
		}
	})
}

// A set that does not compile here is refused once, and the next one is taken.
func TestFollowRefuses(t *testing.T) {
	t.Parallel()
	following(t, func(t *testing.T, b *bench) {
		was, loads := b.engine.Load(), b.store.Loads()
		ok(t, second(b.store.EditPolicy(t.Context(), func(set *policy.Set) error {
			set.Trunks[0].Sources = []string{"no address"}
			return nil
		})))
		b.store.Tell()
		time.Sleep(time.Minute)
		synctest.Wait()
		if b.engine.Load() != was || b.store.Loads() != loads+1 {
			t.Errorf("revision %d is in force after %d loads", b.engine.Load().Revision(), b.store.Loads()-loads)
		}
		if got := gathered(t, b.reg)["b2bua_policy_loads_total=refused"]; got != 1 {
			t.Errorf("%v loads refused", got)
		}
		ok(t, second(b.store.EditPolicy(t.Context(), func(set *policy.Set) error {
			set.Trunks[0].Sources = []string{"192.0.2.1"}
			return nil
		})))
		b.store.Tell()
		synctest.Wait()
		if got := b.engine.Load().Revision(); got != was.Revision()+2 {
			t.Errorf("revision %d is in force", got)
		}
	})
}

// While the store is down the policy stays; when it is back, a policy that came
// from the file gives way to the stored one even at the same revision.
func TestFollowStoreDown(t *testing.T) {
	t.Parallel()
	following(t, func(t *testing.T, b *bench) {
		was := b.engine.Load()
		b.store.Fail(errors.New("down"))
		time.Sleep(time.Minute)
		synctest.Wait()
		if b.engine.Load() != was {
			t.Error("the policy has gone with the store")
		}
		ok(t, b.Restore())
		kept := b.engine.Load()
		b.store.Fail(nil)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if now := b.engine.Load(); now == kept || now.Revision() != was.Revision() {
			t.Errorf("the kept policy is still in force, revision %d", now.Revision())
		}
	})
}
