package gcpace

import (
	"runtime"
	"runtime/debug"
	"testing"
)

var sink []byte //nolint:gochecknoglobals // keeps the compiler from allocating on the stack

// cycles counts the collections while so many bytes of garbage are made.
func cycles(total int) uint32 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range total / 4096 {
		sink = make([]byte, 4096)
	}
	runtime.ReadMemStats(&after)
	return after.NumGC - before.NumGC
}

func TestKeep(t *testing.T) {
	runtime.GC()
	own := cycles(256 << 20)
	p := Keep(128 << 20)
	runtime.GC() // from here on what is live is known
	runtime.GC()
	paced := cycles(256 << 20)
	p.Stop()
	runtime.GC()
	after := cycles(256 << 20)
	t.Logf("256 MiB of garbage: %d collections, with 128 MiB of headroom %d, then %d", own, paced, after)
	if own < 8 || paced > 4 || after < 8 {
		t.Error("want many, few, many")
	}
}

func TestKeepLeavesOffAlone(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	p := Keep(1 << 20)
	runtime.GC()
	if n := cycles(16 << 20); n != 0 {
		t.Errorf("%d collections", n)
	}
	p.Stop()
	if was := debug.SetGCPercent(-1); was != -1 {
		t.Errorf("GOGC is %d afterwards", was)
	}
}

func TestPercent(t *testing.T) {
	for _, tt := range []struct {
		headroom, live uint64
		least, want    int
	}{
		{64 << 20, 16 << 20, 100, 400},
		{64 << 20, 256 << 20, 100, 100},
		{64 << 20, 256 << 20, 200, 200},
		{64 << 20, 0, 100, 1600},
		{1 << 40, 1, 100, 26214400},
	} {
		if got := percent(tt.headroom, tt.live, tt.least); got != tt.want {
			t.Errorf("percent(%d, %d, %d) = %d, want %d", tt.headroom, tt.live, tt.least, got, tt.want)
		}
	}
}
