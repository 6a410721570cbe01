package shard

import (
	"maps"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// counterValue reads one counter.
func counterValue(t *testing.T, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

// gather reads everything that is not zero, by name and queue.
func gather(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := strings.TrimPrefix(f.GetName(), "b2bua_shard_")
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			if v := m.GetCounter().GetValue() + m.GetGauge().GetValue(); v != 0 {
				got[name] = v
			}
		}
	}
	return got
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := NewMetrics(reg)
	if got := gather(t, reg); len(got) > 0 { // before a set uses it
		t.Errorf("got %v", got)
	}
	var midway map[string]float64
	s := newSet(Config[int]{NewLimit: 2, Metrics: m, Handle: func(sh *Shard[int], ev int, _ time.Time) {
		switch ev {
		case 1:
			sh.Enqueue(sh.ID, InDialog, 2)
			sh.Enqueue(sh.ID, InDialog, 3)
			for range 3 {
				sh.Enqueue(sh.ID, New, 3)
			}
		case 2:
			midway = gather(t, reg) // a scrape may come at any time
			panic("counted")
		}
	}})
	s.Enqueue(1, New, 1)
	for _, tt := range []struct{ got, want map[string]float64 }{
		{midway, map[string]float64{
			"queued_events in_dialog": 1, "queued_events new": 2,
			"handled_events_total in_dialog": 1, "handled_events_total new": 1, "refused_events_total new": 1,
		}},
		{gather(t, reg), map[string]float64{
			"handled_events_total in_dialog": 2, "handled_events_total new": 3, "refused_events_total new": 1, "panics_total": 1,
		}},
	} {
		if !maps.Equal(tt.got, tt.want) {
			t.Errorf("got %v, want %v", tt.got, tt.want)
		}
	}
}

// A set that has seen a burst on every shard, and has timers, is small again.
func TestIdleMemory(t *testing.T) {
	const bound = 2 << 20
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	s := newSet(Config[[8]uint64]{Handle: func(sh *Shard[[8]uint64], ev [8]uint64, now time.Time) {
		if ev[0] == 0 {
			sh.Wheel.Schedule(now.Add(500*time.Millisecond), ev)
			sh.Wheel.Schedule(now.Add(32*time.Second), ev)
			for range DefaultInDialogLimit {
				sh.Enqueue(sh.ID, InDialog, [8]uint64{1})
			}
		}
	}})
	for id := range Count {
		s.Enqueue(ID(id), New, [8]uint64{})
	}
	if used := int64(heap()) - int64(before); used > bound {
		t.Errorf("%d idle shards hold %d bytes, want at most %d", Count, used, bound)
	} else {
		t.Logf("%d idle shards hold %d bytes", Count, used)
	}
	runtime.KeepAlive(s)
}

// The path of an event through an idle shard allocates nothing.
func TestEnqueueAllocations(t *testing.T) {
	s := newSet(Config[[4]uint64]{Handle: func(*Shard[[4]uint64], [4]uint64, time.Time) {}})
	s.Enqueue(1, New, [4]uint64{})
	if n := testing.AllocsPerRun(100, func() { s.Enqueue(1, New, [4]uint64{}) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkEnqueueIdle(b *testing.B) {
	s := NewSet(Config[*int]{Handle: func(*Shard[*int], *int, time.Time) {}})
	b.ReportAllocs()
	for b.Loop() {
		s.Enqueue(1, New, nil)
	}
}

func BenchmarkEnqueueParallel(b *testing.B) {
	s := NewSet(Config[*int]{Handle: func(*Shard[*int], *int, time.Time) {}})
	b.RunParallel(func(pb *testing.PB) {
		for i := ID(0); pb.Next(); i++ {
			s.Enqueue(i, New, nil)
		}
	})
}

func BenchmarkTickIdle(b *testing.B) {
	s := NewSet(Config[*int]{Handle: func(*Shard[*int], *int, time.Time) {}})
	s.Advance(time.Now())
	for b.Loop() {
		s.kick(s.Now(), quantum)
	}
}
