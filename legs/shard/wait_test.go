package shard_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"b2bua/legs/shard"
)

// Who can wait gets in when there is room, in the order of the events, and gives
// up in time when there is none.
func TestEnqueueWithin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hold, held := make(chan struct{}), make(chan struct{}, 1)
		var mu sync.Mutex
		var got []int
		s := shard.NewSet(shard.Config[int]{NewLimit: 1, Handle: func(_ *shard.Shard[int], n int, _ time.Time) {
			if n == 0 {
				held <- struct{}{}
				<-hold
			}
			mu.Lock()
			got = append(got, n)
			mu.Unlock()
		}})
		var wg sync.WaitGroup
		wg.Go(func() { s.Enqueue(7, shard.New, 0) })
		<-held
		if !s.Enqueue(7, shard.New, 1) || s.Enqueue(7, shard.New, -1) || s.EnqueueWithin(7, shard.New, -2, 0) {
			t.Fatal("the queue does not hold one event")
		}
		start := time.Now()
		if s.EnqueueWithin(7, shard.New, -3, time.Second) || time.Since(start) != time.Second {
			t.Errorf("waited %s", time.Since(start))
		}
		for n := 2; n <= 5; n++ {
			wg.Go(func() {
				if !s.EnqueueWithin(7, shard.New, n, time.Minute) {
					t.Errorf("%d was refused", n)
				}
			})
			synctest.Wait()
		}
		close(hold)
		wg.Wait()
		synctest.Wait()
		if len(got) != 6 || got[1] != 1 {
			t.Errorf("handled %v", got)
		}
		if time.Since(start) != time.Second {
			t.Errorf("they waited %s", time.Since(start))
		}
	})
}

// Room that is made at the very moment at which the first who waits for it gives
// up is the second's.
func TestEnqueueWithinWakesTheNext(t *testing.T) {
	t.Parallel()
	for range 500 { // in some of them it is told of the room when it has given up
		synctest.Test(t, func(t *testing.T) {
			held := make(chan struct{})
			s := shard.NewSet(shard.Config[int]{NewLimit: 1, Handle: func(_ *shard.Shard[int], n int, _ time.Time) {
				if n == 0 {
					held <- struct{}{}
					<-time.After(time.Second)
				}
			}})
			var wg sync.WaitGroup
			wg.Go(func() { s.Enqueue(7, shard.New, 0) })
			<-held
			s.Enqueue(7, shard.New, 1)
			start := time.Now()
			wg.Go(func() { s.EnqueueWithin(7, shard.New, 2, time.Second) })
			synctest.Wait()
			wg.Go(func() {
				if !s.EnqueueWithin(7, shard.New, 3, time.Hour) {
					t.Error("refused")
				}
			})
			wg.Wait()
			if waited := time.Since(start); waited != time.Second {
				t.Fatalf("waited %s", waited)
			}
		})
	}
}

// An idle shard is run by whoever comes, as with Enqueue.
func TestEnqueueWithinRuns(t *testing.T) {
	t.Parallel()
	ran := false
	s := shard.NewSet(shard.Config[int]{Handle: func(*shard.Shard[int], int, time.Time) { ran = true }})
	if !s.EnqueueWithin(1, shard.New, 1, time.Hour) || !ran {
		t.Error("not run")
	}
}
