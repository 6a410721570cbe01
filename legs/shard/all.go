package shard

import (
	"iter"
	"time"
)

// All yields what is scheduled; timers of one tick come in the order in which
// they fire. Nothing may be scheduled or stopped meanwhile.
func (w *Wheel[E]) All() iter.Seq[*Timer[E]] {
	return func(yield func(*Timer[E]) bool) {
		for _, lv := range w.level {
			if lv == nil {
				continue
			}
			for _, head := range lv {
				for t := head; t != nil; {
					next := t.next
					if !yield(t) {
						return
					}
					if t = next; t == head {
						break
					}
				}
			}
		}
	}
}

// At is when the timer fires: never before the time that it was scheduled for,
// and less than [Resolution] after it. It is good until it fires or is stopped.
func (t *Timer[E]) At() time.Time { return t.wheel.base.Add(time.Duration(t.tick()) * Resolution) }

// Event is what the shard will handle then.
func (t *Timer[E]) Event() E { return t.ev }
