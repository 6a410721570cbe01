package rtprelay

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestDeadlinesModel compares the heap with a plain list.
func TestDeadlinesModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var d deadlines
		now := time.Duration(0)
		sessions := make([]*Session, 8)
		for i := range sessions {
			sessions[i] = &Session{}
		}
		due := map[*Session]time.Duration{}
		pick := rapid.Map(rapid.IntRange(0, len(sessions)-1), func(i int) *Session { return sessions[i] })
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				s, timeout := pick.Draw(t, "session"), time.Duration(rapid.IntRange(0, 9).Draw(t, "timeout"))
				d.set(s, timeout, now)
				delete(due, s)
				if timeout > 0 {
					due[s] = now + timeout
				}
			},
			"remove": func(t *rapid.T) {
				s := pick.Draw(t, "session")
				d.remove(s)
				delete(due, s)
			},
			"postpone": func(t *rapid.T) {
				if s := pick.Draw(t, "session"); s.deadline.index > 0 {
					due[s] = now + time.Duration(rapid.IntRange(0, 9).Draw(t, "later"))
					d.postpone(s, due[s])
				}
			},
			"time": func(t *rapid.T) { now += time.Duration(rapid.IntRange(0, 3).Draw(t, "step")) },
			"": func(t *rapid.T) {
				var all []time.Duration
				for s, at := range due {
					if all = append(all, at); s.deadline.due != at {
						t.Fatalf("a session is due at %v, want %v", s.deadline.due, at)
					}
				}
				if len(all) == 0 {
					if d.wait(now) >= 0 || d.next(now) != nil {
						t.Fatal("an empty heap has something due")
					}
					return
				}
				soonest := slices.Min(all)
				if got := d.wait(now); got != max(soonest-now, 0) {
					t.Fatalf("wait %v, want %v", got, max(soonest-now, 0))
				}
				if s := d.next(now); (s != nil) != (soonest <= now) || s != nil && due[s] != soonest {
					t.Fatalf("next at %v: %+v, want one due at %v", now, s, soonest)
				}
			},
		})
	})
}
