package txn

import "time"

// input is anything that can move a transaction: a message, a command of the
// owner, or a timer by the letter the RFC gives it.
type input uint8

const (
	received100     input = iota + 1 // 100 received
	received1xx                      // 101-199 received
	received2xx                      // 200-299 received
	receivedFailure                  // 300-699 received
	cancelled                        // the owner sent a CANCEL for it

	receivedRequest // the request again
	receivedAck     // ACK with the branch of the INVITE
	respond1xx      // the owner answers 100-199
	respond2xx      // the owner answers 200-299
	respondFailure  // the owner answers 300-699

	transportError

	timerA // INVITE request again
	timerB // INVITE client gives up
	timerC // INVITE client: no final response
	timerD // INVITE client: enough ACKs
	timerE // other request again
	timerF // other client gives up
	timerG // 300-699 to INVITE again
	timerH // INVITE server gives up on the ACK
	timerI // INVITE server: enough ACKs
	timerJ // other server: enough retransmissions
	timerK // other client: enough final responses
	timerL // INVITE server: enough INVITEs, RFC 6026
	timerM // INVITE client: enough 2xx, RFC 6026
	timerX // no final response after CANCEL, RFC 3261 §9.1; the RFC has no letter for it
	numInputs
)

// A step is one cell of a machine's table. The zero step is an input that is
// not legal in that state: it changes nothing.
type step struct {
	to State
	do Action
}

// An expiry is the timer that bounds a state.
type expiry struct {
	on    input // what happens when it runs out
	after span
}

// A machine is one of the four: all its rules, as data.
type machine struct {
	name    string
	section string
	start   State
	steps   [numStates][numInputs]step
	expiry  [numStates]expiry

	// resend is the timer that sends the stored bytes again over an unreliable
	// transport, in the states where resent says so; 0 is none.
	resend input
	resent [numStates]bool

	// Retransmission intervals start at T1 and double. They grow up to T2 when
	// capped, and are T2 at once in a state where slow says so.
	capped bool
	slow   [numStates]bool
}

// A Clock is the timer half of a transaction. Zero times are timers that do not
// run.
type Clock struct {
	Timers   *Timers       `json:"timers"`             // shared, and never changed
	Interval time.Duration `json:"interval,omitzero"`  // from the last retransmission to the one at ResendAt
	ResendAt time.Time     `json:"resend_at,omitzero"` // timers A, E and G
	ExpireAt time.Time     `json:"expire_at,omitzero"` // every other timer: which one follows from the state
}

// wake returns the earlier of the two timers.
func (c *Clock) wake() time.Time {
	if c.ResendAt.IsZero() || (!c.ExpireAt.IsZero() && c.ExpireAt.Before(c.ResendAt)) {
		return c.ExpireAt
	}
	return c.ResendAt
}

// begin puts a new transaction into its first state.
func (m *machine) begin(s *State, c *Clock, reliable bool, now time.Time) {
	*s = m.start
	c.Timers = c.Timers.WithDefaults()
	m.arm(*s, 0, c, reliable, now)
}

// apply takes one step. An input that is not legal changes nothing.
func (m *machine) apply(s *State, c *Clock, reliable bool, in input, now time.Time) Action {
	st := m.steps[*s][in]
	if st.to == 0 {
		return 0
	}
	from := *s
	*s = st.to
	do := st.do
	if do.Has(restart) {
		from = 0
	}
	if st.to != from && m.arm(st.to, from, c, reliable, now) {
		do |= m.apply(s, c, reliable, m.expiry[st.to].on, now)
	}
	if st.to == Terminated {
		do |= Done
	}
	return do &^ restart
}

// arm starts the timers of state s and stops those it does not have. A timer
// that state from has as well goes on running. It reports whether the state is
// over at once, which is what a timer of zero means.
func (m *machine) arm(s, from State, c *Clock, reliable bool, now time.Time) (over bool) {
	if m.expiry[s].on != m.expiry[from].on {
		c.ExpireAt = time.Time{}
		if d, ends := m.expiry[s].after.of(*c.Timers, reliable); ends {
			c.ExpireAt, over = now.Add(d), d == 0
		}
	}
	if reliable || !m.resent[s] {
		c.Interval, c.ResendAt = 0, time.Time{}
		return over
	}
	if c.ResendAt.IsZero() {
		c.Interval = c.Timers.T1
		c.ResendAt = now.Add(c.Interval)
	}
	return over
}

// fire runs the timer that is due at now, if one is. A transaction that is given
// up does not retransmit once more.
func (m *machine) fire(s *State, c *Clock, reliable bool, now time.Time) Action {
	switch {
	case !c.ExpireAt.IsZero() && !now.Before(c.ExpireAt):
		return m.apply(s, c, reliable, m.expiry[*s].on, now)
	case !c.ResendAt.IsZero() && !now.Before(c.ResendAt):
		do := m.apply(s, c, reliable, m.resend, now)
		m.next(*s, c, now)
		return do
	default:
		return 0
	}
}

// next sets the retransmission after the one that was just due. It counts from
// the instant that one was due, so that a late wheel does not shift the rest;
// what was missed altogether, by a machine that slept, is not made up for.
func (m *machine) next(s State, c *Clock, now time.Time) {
	c.Interval *= 2 // RFC 3261 §17.1.1.2
	if m.capped {
		c.Interval = min(c.Interval, c.Timers.T2) // RFC 3261 §17.1.2.2, §17.2.1
	}
	if m.slow[s] {
		c.Interval = c.Timers.T2 // RFC 3261 §17.1.2.2
	}
	c.ResendAt = c.ResendAt.Add(c.Interval)
	if !c.ResendAt.After(now) {
		c.ResendAt = now.Add(c.Interval)
	}
}
