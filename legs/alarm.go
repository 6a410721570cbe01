package legs

import "time"

// An Alarm is what [Core.Schedule] sets, as a part of what it is for: setting it
// allocates nothing. The zero Alarm is not set. It is used on its shard only, and
// must not be copied once it has been set.
type Alarm struct {
	timer Timer
	who   Wakeable
}

// Set has w woken at the time given, on this shard, instead of what the alarm was
// set for before.
func (c *Core) Set(a *Alarm, at time.Time, w Wakeable) {
	a.who = w
	c.shard.Wheel.Set(&a.timer, at, a)
}

// Stop makes sure that the alarm wakes nobody. Stopping one that has done so, or
// that is not set, does nothing.
func (a *Alarm) Stop() {
	a.timer.Stop()
	a.who = nil
}

// Waits reports whether the alarm is set and has not been stopped.
func (a *Alarm) Waits() bool { return a.who != nil }

func (a *Alarm) enter(c *Core) {
	w := wake{a.who}
	a.who = nil
	w.enter(c)
}
