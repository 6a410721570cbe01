package legs

import "time"

// A repeat sends stored bytes again at growing intervals until it is stopped
// or its time is up (RFC 3261 §13.3.1.4). It is plain data; the zero repeat
// is stopped.
type repeat struct {
	Bytes    []byte
	Interval time.Duration
	Next     time.Time
	Until    time.Time
}

func (r *repeat) start(b []byte, now time.Time, t Timers) {
	*r = repeat{Bytes: b, Interval: t.T1, Next: now.Add(t.T1), Until: now.Add(64 * t.T1)}
}

func (r *repeat) stop() { *r = repeat{} }

// fire returns the bytes to send at now, if any, and whether time is up.
func (r *repeat) fire(now time.Time, t Timers) (b []byte, over bool) {
	if r.Bytes == nil {
		return nil, false
	}
	if !now.Before(r.Until) {
		r.stop()
		return nil, true
	}
	if now.Before(r.Next) {
		return nil, false
	}
	r.Interval = min(2*r.Interval, t.T2)
	r.Next = now.Add(r.Interval)
	return r.Bytes, false
}

// wake is the next time fire has something to do; zero when stopped.
func (r *repeat) wake() time.Time {
	if r.Bytes == nil || r.Until.Before(r.Next) {
		return r.Until
	}
	return r.Next
}
