package cdr

import (
	"testing"
	"time"
)

// With either rest a journal gathers, rests for as long as it is told, and
// Close ends that.
func TestRests(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]func() rest{"system": newRest, "timer": newTimerRest} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := r()
			begin := time.Now()
			if err := s.Sleep(5 * time.Millisecond); err != nil || time.Since(begin) < 5*time.Millisecond {
				t.Errorf("slept %v, %v", time.Since(begin), err)
			}
			d := &faultDisk{}
			writes := 0
			d.set(func(d *faultDisk) { d.write = func(string) error { writes++; return nil } })
			j := openJournal(t, JournalConfig{Dir: t.TempDir(), Gather: time.Hour, HeartbeatEvery: time.Hour, disk: d, rest: s})
			for i := range gatherCount {
				mustAppend(t, j, Ended, endedRecord(i))
			}
			const more = 100
			told := 0
			for i := range more {
				j.Append(Ended, endedRecord(gatherCount+i), func(error) { told++ })
			}
			if err := j.Close(); err != nil || told != more {
				t.Errorf("Close: %v; %d of %d told", err, told, more)
			}
			if writes > gatherCount+4 { // with the head of the segment
				t.Errorf("%d writes", writes)
			}
		})
	}
}
