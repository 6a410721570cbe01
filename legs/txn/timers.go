package txn

import "time"

// Timers are the durations that every timer of RFC 3261 §17 is made of. A field
// that is zero or negative takes its value from [Defaults], so that the zero
// Timers are the RFC's.
type Timers struct {
	T1 time.Duration `json:"t1,omitzero"` // round trip estimate, first retransmission
	T2 time.Duration `json:"t2,omitzero"` // longest retransmission interval but for INVITE requests
	T4 time.Duration `json:"t4,omitzero"` // longest time a message stays in the network
	C  time.Duration `json:"c,omitzero"`  // longest wait for a final response after a 101-199, RFC 3261 §16.6: more than 3 minutes
	D  time.Duration `json:"d,omitzero"`  // how long a refused INVITE is acknowledged again, RFC 3261 §17.1.1.2: at least 32 s
}

// Defaults returns the values of RFC 3261 §17.1.1.1 and table 4 of its annex A.
func Defaults() Timers {
	return Timers{
		T1: 500 * time.Millisecond,
		T2: 4 * time.Second,
		T4: 5 * time.Second,
		C:  181 * time.Second,
		D:  32 * time.Second,
	}
}

// rfc is what a nil *Timers stands for; never written.
var rfc = Defaults()

// WithDefaults returns the Timers with no field left out: t itself when it is so
// already, for all transactions to share. A nil t is the RFC's.
func (t *Timers) WithDefaults() *Timers {
	switch {
	case t == nil:
		return &rfc
	case min(t.T1, t.T2, t.T4, t.C, t.D) > 0:
		return t
	}
	d, own := Defaults(), *t
	t = &own
	t.T1 = positive(t.T1, d.T1)
	t.T2 = positive(t.T2, d.T2)
	t.T4 = positive(t.T4, d.T4)
	t.C = positive(t.C, d.C)
	t.D = positive(t.D, d.D)
	return t
}

func positive(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// A span says how long a state may last. It is a name, not a duration, so that
// the tables can be printed.
type span uint8

const (
	forever            span = iota // the state has no timer of its own
	sixtyFourT1                    // 64*T1 on every transport
	sixtyFourT1OverUDP             // 64*T1, none over a reliable transport
	t4OverUDP                      // T4, none over a reliable transport
	timerDSpanOverUDP              // Timers.D, none over a reliable transport
	timerCSpan                     // Timers.C
	numSpans
)

// of returns how long s is, and false when it never ends.
func (s span) of(t Timers, reliable bool) (time.Duration, bool) {
	switch s {
	case sixtyFourT1:
		return 64 * t.T1, true
	case timerCSpan:
		return t.C, true
	case sixtyFourT1OverUDP, t4OverUDP, timerDSpanOverUDP:
		if reliable {
			return 0, true
		}
	default:
		return 0, false
	}
	switch s {
	case t4OverUDP:
		return t.T4, true
	case timerDSpanOverUDP:
		return t.D, true
	default:
		return 64 * t.T1, true
	}
}

func (s span) String() string {
	return [numSpans]string{
		forever:            "",
		sixtyFourT1:        "64*T1",
		sixtyFourT1OverUDP: "64*T1, 0 over a reliable transport",
		t4OverUDP:          "T4, 0 over a reliable transport",
		timerDSpanOverUDP:  "32 s, 0 over a reliable transport",
		timerCSpan:         "181 s",
	}[s]
}
