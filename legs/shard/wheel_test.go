package shard

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// modelTimer is a timer as the sorted-list model sees it.
type modelTimer struct {
	tick int64
	id   int
}

// model is a wheel that sorts, together with the wheel it checks.
type model struct {
	now    time.Time
	wheel  *Wheel[int]
	timers map[int]*Timer[int]
	list   []modelTimer
	nextID int
}

func (m *model) schedule(at time.Time) {
	// Never early, never in the run that is under way.
	tick := (at.Sub(t0) + Resolution - 1) / Resolution
	m.list = append(m.list, modelTimer{max(int64(tick), m.now.Sub(t0).Nanoseconds()/int64(Resolution)+1), m.nextID})
	m.timers[m.nextID] = m.wheel.Schedule(at, m.nextID)
	m.nextID++
}

func (m *model) stop(id int) {
	m.timers[id].Stop()
	m.list = slices.DeleteFunc(m.list, func(t modelTimer) bool { return t.id == id })
}

// due takes the first timer that the model says is due.
func (m *model) due() (int, bool) {
	slices.SortStableFunc(m.list, func(a, b modelTimer) int { return cmp.Or(cmp.Compare(a.tick, b.tick), a.id-b.id) })
	if len(m.list) == 0 || m.list[0].tick > int64(m.now.Sub(t0)/Resolution) {
		return 0, false
	}
	id := m.list[0].id
	m.list = m.list[1:]
	return id, true
}

// The wheel fires what a sorted list fires, in its order, whatever is scheduled
// and stopped in between (by timers that fire, too) and however far time jumps.
func TestWheelAgainstSortedList(t *testing.T) {
	delay := rapid.OneOf(
		rapid.Int64Range(-int64(time.Second), int64(time.Second)),
		rapid.Int64Range(0, int64(3*time.Minute)),
		rapid.Int64Range(0, int64(1000*time.Hour)),
		rapid.SampledFrom([]int64{0, 1, int64(Resolution) - 1, int64(Resolution), 63 * int64(Resolution), 64 * int64(Resolution), 4096 * int64(Resolution)}),
	)
	rapid.Check(t, func(t *rapid.T) {
		m := &model{now: t0, wheel: NewWheel[int](t0), timers: map[int]*Timer[int]{}}
		m.wheel.pop(t0)
		change := func() {
			for range rapid.IntRange(0, 3).Draw(t, "changes") {
				if m.nextID > 0 && rapid.Bool().Draw(t, "stop") {
					m.stop(rapid.IntRange(0, m.nextID-1).Draw(t, "id"))
				} else {
					m.schedule(m.now.Add(time.Duration(delay.Draw(t, "delay"))))
				}
			}
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			change()
			m.now = m.now.Add(time.Duration(max(0, delay.Draw(t, "jump"))))
			for {
				want, wantOK := m.due()
				got, ok := m.wheel.pop(m.now)
				if ok != wantOK || got != want {
					t.Fatalf("at %v: got %d %v, want %d %v", m.now.Sub(t0), got, ok, want, wantOK)
				}
				if !ok {
					break
				}
				change()
			}
			if m.wheel.Len() != len(m.list) {
				t.Fatalf("%d timers, want %d", m.wheel.Len(), len(m.list))
			}
			checkNext(t, m)
		}
	})
}

// checkNext makes sure that the deadline which wakes the shard is not after its
// first timer, and not in the past.
func checkNext(t *rapid.T, m *model) {
	next := m.wheel.next()
	if len(m.list) == 0 {
		if next != never {
			t.Fatalf("empty wheel wants to be woken at tick %d", next)
		}
		return
	}
	first := slices.MinFunc(m.list, func(a, b modelTimer) int { return cmp.Compare(a.tick, b.tick) }).tick
	if next > first || next <= int64(m.now.Sub(t0)/Resolution) {
		t.Fatalf("next deadline is tick %d, first timer at %d, now %v", next, first, m.now.Sub(t0))
	}
}

func TestWheelResolution(t *testing.T) {
	for _, tt := range []struct{ at, fires time.Duration }{
		{-time.Hour, 10 * time.Millisecond},
		{0, 10 * time.Millisecond},
		{1, 10 * time.Millisecond},
		{10 * time.Millisecond, 10 * time.Millisecond},
		{10*time.Millisecond + 1, 20 * time.Millisecond},
		{500 * time.Millisecond, 500 * time.Millisecond},
		{32 * time.Second, 32 * time.Second},
		{3*time.Minute + time.Millisecond, 3*time.Minute + 10*time.Millisecond},
		{30 * 24 * time.Hour, 30 * 24 * time.Hour},
	} {
		w := NewWheel[int](t0)
		w.Schedule(t0.Add(tt.at), 7)
		if _, ok := w.pop(t0.Add(tt.fires - 1)); ok {
			t.Errorf("timer for %v fires before %v", tt.at, tt.fires)
		}
		if ev, ok := w.pop(t0.Add(tt.fires)); !ok || ev != 7 {
			t.Errorf("timer for %v does not fire at %v", tt.at, tt.fires)
		}
	}
}

// A clock that jumps by centuries, or backwards, neither loses a timer nor
// loops. A Duration ends after 292 years, and so does the wheel.
func TestWheelFarTime(t *testing.T) {
	w := NewWheel[int](t0)
	w.Schedule(t0.AddDate(250, 0, 0), 1)
	w.Schedule(t0.AddDate(5000, 0, 0), 2)
	if _, ok := w.pop(t0.AddDate(200, 0, 0)); ok {
		t.Error("fired 50 years early")
	}
	if _, ok := w.pop(t0); ok {
		t.Error("fired when the clock went back")
	}
	if ev, ok := w.pop(t0.AddDate(6000, 0, 0)); !ok || ev != 1 {
		t.Errorf("got %d %v after a jump", ev, ok)
	}
	w.Schedule(t0, 3).Stop()
	if _, ok := w.pop(t0.AddDate(6000, 0, 0)); ok || w.Len() != 1 {
		t.Errorf("%d timers at the end of time", w.Len())
	}
}

func TestTimerStop(t *testing.T) {
	var none *Timer[*int]
	none.Stop()

	w := NewWheel[*int](t0)
	first := w.Schedule(t0.Add(time.Second), new(int))
	second := w.Schedule(t0.Add(time.Second), new(int))
	third := w.Schedule(t0.Add(time.Second), new(int))
	for range 2 {
		first.Stop()
	}
	if first.ev != nil {
		t.Error("a stopped timer keeps its event alive")
	}
	if ev, ok := w.pop(t0.Add(time.Second)); !ok || ev == nil || second.ev != nil {
		t.Error("the second timer did not fire, or keeps its event alive")
	}
	second.Stop() // has fired
	third.Stop()  // due, and would be next
	if ev, ok := w.pop(t0.Add(time.Second)); ok || ev != nil {
		t.Error("a timer stopped by one of the same tick fires")
	}
	if w.Len() != 0 || w.next() != never {
		t.Errorf("%d timers left, next %d", w.Len(), w.next())
	}
}

func TestWheelAllocations(t *testing.T) {
	w := NewWheel[int](t0)
	w.Schedule(t0.Add(32*time.Second), 0).Stop() // the level is made once
	if n := testing.AllocsPerRun(100, func() { w.Schedule(t0.Add(32*time.Second), 1).Stop() }); n != 1 {
		t.Errorf("schedule and stop cost %v allocations, want the node", n)
	}
}

func BenchmarkWheelScheduleStop(b *testing.B) {
	w := NewWheel[int](t0)
	for i := range 10_000 {
		w.Schedule(t0.Add(time.Duration(i)*3*time.Millisecond), i)
	}
	b.ReportAllocs()
	for b.Loop() {
		w.Schedule(t0.Add(32*time.Second), 1).Stop()
	}
}
