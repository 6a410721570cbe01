package shard

import (
	"math/bits"
	"time"
)

// Geometry of the wheel: 64 slots per level, each level 64 times as coarse as
// the one below. Seven levels reach further than a time.Duration.
const (
	slotBits = 6
	slots    = 1 << slotBits
	levels   = 7
	lvlBits  = 3
)

// A Wheel is a hierarchical timing wheel with a resolution of 10 ms. Scheduling
// and stopping cost O(1) and allocate the [Timer] only. Timers of one tick fire
// in the order in which they were scheduled.
//
// A timer lives on the level of the highest 6-bit group in which its tick
// differs from the current one. So all timers of one tick are always on one
// list, which keeps their order, and the lowest slot of the lowest level that is
// in use is the next to come, however far time has jumped.
//
// A Wheel belongs to the runner of its shard and has no lock. Make one with
// [NewWheel]; the zero Wheel is not usable.
type Wheel[E any] struct {
	base  time.Time // tick 0
	cur   int64     // no timer is on an earlier tick
	floor int64     // ticks up to here have been asked for: nothing is scheduled there any more
	n     int
	used  [levels]uint64    // bit i: slot i of that level is not empty
	level [levels]*level[E] // nil until used
}

// A level is one ring of slots. A slot is the first timer of a circular list. Which
// ones are in use is said in one place for all levels: who only asks for the next
// timer, as every step does, reads no level.
type level[E any] [slots]*Timer[E]

// A Timer is one event to come: made by [Wheel.Schedule], or part of what it is
// for, and given to [Wheel.Set].
type Timer[E any] struct {
	wheel      *Wheel[E] // nil once fired or stopped
	next, prev *Timer[E]
	place      int64 // the tick, and the level in the lowest lvlBits bits
	ev         E
}

func (t *Timer[E]) tick() int64 { return t.place >> lvlBits }
func (t *Timer[E]) lvl() int    { return int(t.place & (1<<lvlBits - 1)) }

// NewWheel makes a wheel whose time starts at now.
func NewWheel[E any](now time.Time) *Wheel[E] { return &Wheel[E]{base: now} }

// Schedule makes the shard handle ev at the given time, never before it and less
// than 10 ms after it. A time that has passed means the next tick: a timer that
// is scheduled while timers run never fires in the same run.
func (w *Wheel[E]) Schedule(at time.Time, ev E) *Timer[E] {
	t := new(Timer[E])
	w.Set(t, at, ev)
	return t
}

// Set is [Wheel.Schedule] with a timer of the caller's own, which may be the zero
// Timer, or one that has fired, was stopped or is scheduled: that one moves,
// but not for less than a tick. It allocates nothing. The Timer must not be copied
// afterwards.
func (w *Wheel[E]) Set(t *Timer[E], at time.Time, ev E) {
	tick := tickAt(w.base, at)
	if w.base.Add(time.Duration(tick) * Resolution).Before(at) {
		tick++
	}
	tick = max(tick, w.floor+1)
	if t.wheel == w && t.tick() == tick {
		t.ev = ev
		return
	}
	t.Stop()
	t.wheel, t.place, t.ev = w, tick<<lvlBits, ev
	w.insert(t)
	w.n++
}

// Stop makes sure that the timer does not fire. Stopping one that has fired or
// was stopped, or a nil Timer, does nothing.
func (t *Timer[E]) Stop() {
	if t == nil || t.wheel == nil {
		return
	}
	t.wheel.remove(t)
}

// Len returns how many timers are scheduled.
func (w *Wheel[E]) Len() int { return w.n }

// tickAt returns the tick that has begun at a time, 0 for times before base.
func tickAt(base, at time.Time) int64 {
	return int64(max(at.Sub(base), 0) / Resolution)
}

// pop takes the next timer that is due at now.
func (w *Wheel[E]) pop(now time.Time) (ev E, ok bool) {
	w.floor = max(w.floor, tickAt(w.base, now))
	for {
		l, tick := w.first()
		if l < 0 || tick > w.floor {
			w.cur = w.floor
			return ev, false
		}
		w.cur = tick
		if l > 0 {
			w.cascade(l, tick)
			continue
		}
		t := w.level[0][tick&(slots-1)]
		ev = t.ev
		w.remove(t)
		return ev, true
	}
}

// next returns a tick no later than that of the first timer, or never.
func (w *Wheel[E]) next() int64 {
	if l, tick := w.first(); l >= 0 {
		return tick
	}
	return never
}

// first finds the first slot in use and the tick at which it begins. The level
// is -1 when there is none.
func (w *Wheel[E]) first() (lvl int, tick int64) {
	for l, used := range &w.used {
		if used == 0 {
			continue
		}
		shift := slotBits * l
		above := w.cur >> (shift + slotBits) << (shift + slotBits)
		return l, above | int64(bits.TrailingZeros64(used))<<shift
	}
	return -1, 0
}

// cascade deals the timers of the slot that begins now out to lower levels.
func (w *Wheel[E]) cascade(l int, tick int64) {
	lv, i := w.level[l], tick>>(slotBits*l)&(slots-1)
	head := lv[i]
	lv[i] = nil
	w.used[l] &^= 1 << i
	head.prev.next = nil // open the circle
	for t := head; t != nil; {
		next := t.next
		w.insert(t)
		t = next
	}
}

// insert appends a timer to the slot where it belongs as seen from cur.
func (w *Wheel[E]) insert(t *Timer[E]) {
	l := 0
	if diff := uint64(t.tick() ^ w.cur); diff != 0 {
		l = (bits.Len64(diff) - 1) / slotBits
	}
	lv := w.level[l]
	if lv == nil {
		lv = new(level[E])
		w.level[l] = lv
	}
	i := t.tick() >> (slotBits * l) & (slots - 1)
	t.place = t.tick()<<lvlBits | int64(l)
	head := lv[i]
	if head == nil {
		t.next, t.prev = t, t
		lv[i] = t
		w.used[l] |= 1 << i
		return
	}
	t.next, t.prev = head, head.prev
	head.prev.next, head.prev = t, t
}

// remove takes a timer off its list and lets go of its event.
func (w *Wheel[E]) remove(t *Timer[E]) {
	l := t.lvl()
	lv, i := w.level[l], t.tick()>>(slotBits*l)&(slots-1)
	switch t.next {
	case t:
		lv[i] = nil
		w.used[l] &^= 1 << i
	default:
		t.prev.next, t.next.prev = t.next, t.prev
		if lv[i] == t {
			lv[i] = t.next
		}
	}
	var zero E
	t.wheel, t.next, t.prev, t.ev = nil, nil, nil, zero
	w.n--
}
