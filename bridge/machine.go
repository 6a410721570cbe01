package bridge

import (
	"slices"

	"b2bua/cdr"
	"b2bua/legs/sipmsg"
	"b2bua/policy"
)

// Phase is where a call stands. It is not the state of a dialog: see
// legs.State for those.
type Phase uint8

// The phases of a call.
const (
	Routing   Phase = iota // waiting for a plan
	Dialing                // an attempt is out and silent
	Ringing                // the attempt has answered with 18x
	Answering              // the attempt is answered; its record is on the way to disk
	Talking                // the caller has been answered
	Done
	numPhases
)

func (p Phase) String() string {
	return [numPhases]string{"routing", "dialing", "ringing", "answering", "talking", "done"}[p]
}

// Input is what can happen to a call.
type Input uint8

// The inputs of the call machine.
const (
	Planned     Input = iota // policy returned targets
	Unplanned                // policy refused; Status and End say how
	Rang                     // the attempt sent 18x
	Answered                 // the attempt sent 2xx with a usable answer
	Failed                   // the attempt is over: Status, Why
	RingTimeout              // the attempt rang, or was silent, for too long
	Journaled                // the answer record is written
	Unjournaled              // it cannot be written
	CallerGone               // CANCEL, or BYE from the caller
	CalledGone               // BYE from the called side
	Stop                     // the system ends the call: End says why
	Reoffered                // a party of an answered call has a further offer; see exchange.go
	Withdrawn                // it takes that back
	Reanswered               // a party answers the other's
	Misanswered              // it accepted that, with an answer that cannot be used
	Rerefused                // it refused it: Status
	numInputs
)

func (i Input) String() string {
	return [numInputs]string{
		"planned", "unplanned", "rang", "answered", "failed", "ring_timeout",
		"journaled", "unjournaled", "caller_gone", "called_gone", "stop",
		"reoffered", "withdrawn", "reanswered", "misanswered", "rerefused",
	}[i]
}

// Why says how an attempt failed.
type Why uint8

// The ways an attempt can fail.
const (
	ByStatus    Why = iota // a final response
	ByTimeout              // no final response in time
	ByRing                 // nobody answered before the ring timeout
	ByTransport            // it could not be sent, or its host not be found
	ByLimit                // its trunk is full: it was never sent
	ByAnswer               // what it answered cannot be used
	ByEarly                // its answer contradicts what the caller was shown, who may be shown only one
	ByPorts                // there is no port for its media
)

// An event is one input with its facts.
type event struct {
	in      Input
	attempt int             // 1.., of Rang, Answered, Failed, RingTimeout, CalledGone
	targets []policy.Target // Planned
	party   Party           // of news of a further offer
	status  int             // Unplanned, Failed, Stop: for the caller; Rerefused: for the offerer
	why     Why             // Failed
	end     cdr.EndReason   // Unplanned, Stop
	reason  string          // Reason header that came with it
	headers []sipmsg.Header // Unplanned, Failed: for the caller, if it is refused for that
}

// Op is what an action does.
type Op uint8

// The operations of the call machine.
const (
	opDial     Op = iota // attempt: dial Targets[attempt-1]
	opRing               // pass the 18x in hand to the caller
	opJournal            // write the answer record, then say Journaled
	opAnswer             // 200 to the caller
	opRefuse             // status to the caller
	opDropIn             // end the caller's leg
	opDropOut            // end the attempt
	opFinish             // end, by: close the record, give back what the call holds
	opReoffer            // party: is offered what the other side offers
	opReanswer           // party: is answered what the other side answers; the media follow
	opRerefuse           // party: its offer is refused with status
	opWithdraw           // party: the offer to it is taken back
	opRestore            // party: is offered what it had before
	opRestored           // party: has answered that; the media follow
	opDiscard            // nothing comes of the offer
	numOps
)

func (o Op) String() string {
	return [numOps]string{
		"dial", "ring", "journal", "answer", "refuse", "drop inbound", "drop attempt", "finish",
		"reoffer", "reanswer", "rerefuse", "withdraw", "restore", "restored", "discard",
	}[o]
}

// An action is one thing that follows from an event. step only names them.
type action struct {
	op      Op
	attempt int
	party   Party
	status  int
	end     cdr.EndReason
	by      cdr.HungUpBy
	reason  string          // Reason header: to send with it, and for the record's cause
	headers []sipmsg.Header // opRefuse
}

// machine is the whole memory of a call's logic. It does no I/O, takes no lock
// and reads no clock; it is plain data and may be written and read back at any
// point.
type machine struct {
	Phase   Phase           `json:"phase"`
	Targets []policy.Target `json:"targets"` // until the call is answered
	Attempt int             `json:"attempt"` // the current one, from 1; 0 before the first
	Rung    bool            `json:"rung"`    // the current one has sent 18x
	// Of the last failed attempt, for the caller if nobody answers:
	Status  int             `json:"status"`
	Why     Why             `json:"why"`
	Reason  string          `json:"reason"`
	Headers []sipmsg.Header `json:"headers"`
	// Of a further offer:
	Exchange Exchange `json:"exchange"`
	Offerer  Party    `json:"offerer"`
}

// phases lists where each input is accepted.
var phases = [numInputs][]Phase{
	Planned:     {Routing},
	Unplanned:   {Routing},
	Rang:        {Dialing, Ringing},
	Answered:    {Dialing, Ringing},
	Failed:      {Dialing, Ringing},
	RingTimeout: {Dialing, Ringing},
	Journaled:   {Answering},
	Unjournaled: {Answering},
	CallerGone:  {Routing, Dialing, Ringing, Answering, Talking},
	CalledGone:  {Answering, Talking},
	Stop:        {Routing, Dialing, Ringing, Answering, Talking},
	Reoffered:   {Answering, Talking},
	Withdrawn:   {Talking},
	Reanswered:  {Talking},
	Misanswered: {Talking},
	Rerefused:   {Talking},
}

func (m *machine) accepts(ev *event) bool {
	if ev.in.ofAttempt() && ev.attempt != m.Attempt { // of one that was given up
		return false
	}
	return slices.Contains(phases[ev.in], m.Phase)
}

// ofAttempt reports whether an input is news of one attempt.
func (i Input) ofAttempt() bool {
	return i == Rang || i == Answered || i == Failed || i == RingTimeout || i == CalledGone
}

// step applies one event and appends what to do to acts, in order. An event that
// the phase has no edge for changes nothing: late news of a call that went on.
func (m *machine) step(ev event, acts []action) []action {
	if !m.accepts(&ev) {
		return acts
	}
	acts = m.move(&ev, acts)
	if m.Phase == Done {
		m.Exchange = Stable
	}
	return acts
}

// move is step with an event that the phase has an edge for.
func (m *machine) move(ev *event, acts []action) []action {
	switch ev.in {
	case Planned:
		m.Targets, m.Status = ev.targets, 404
		return m.next(acts)
	case Unplanned:
		m.Phase = Done
		return append(acts, action{op: opRefuse, status: ev.status, headers: ev.headers}, action{op: opFinish, end: ev.end, by: cdr.BySystem})
	case Rang:
		m.Phase, m.Rung = Ringing, true
		return append(acts, action{op: opRing, attempt: ev.attempt})
	case Answered:
		m.Phase = Answering
		return append(acts, action{op: opJournal, attempt: ev.attempt})
	case Failed:
		return m.failed(ev, acts)
	case RingTimeout:
		return m.rungOut(acts)
	case Journaled:
		m.Phase, m.Targets, m.Reason, m.Headers = Talking, nil, "", nil
		return append(acts, action{op: opAnswer, attempt: m.Attempt})
	case Unjournaled:
		return m.stop(&event{end: cdr.EndJournal}, acts)
	case CallerGone:
		return m.callerGone(ev, acts)
	case CalledGone:
		return m.calledGone(ev, acts)
	case Stop:
		return m.stop(ev, acts)
	default:
		return m.exchange(ev, acts)
	}
}

// next dials the next target, or gives up with what the last one said.
func (m *machine) next(acts []action) []action {
	if m.Attempt == len(m.Targets) {
		return m.giveUp(acts)
	}
	m.Attempt++
	m.Phase, m.Rung = Dialing, false
	return append(acts, action{op: opDial, attempt: m.Attempt})
}

// giveUp refuses the caller with what the last attempt said.
func (m *machine) giveUp(acts []action) []action {
	m.Phase = Done
	end, by := m.outcome()
	return append(acts,
		action{op: opRefuse, status: m.Status, headers: m.Headers},
		action{op: opFinish, end: end, by: by, reason: m.Reason},
	)
}

// failed hunts on by the target's rules, or ends the call. A telephone that
// rang until the time was up is not rung again by another gateway.
func (m *machine) failed(ev *event, acts []action) []action {
	m.Status, m.Why, m.Reason, m.Headers = forCaller(ev.status), ev.why, ev.reason, ev.headers
	if m.hunts(ev) {
		return m.next(acts)
	}
	return m.giveUp(acts)
}

func (m *machine) hunts(ev *event) bool {
	t := &m.Targets[m.Attempt-1]
	switch ev.why {
	case ByRing:
		return !m.Rung && t.HuntOn.OnTimeout()
	case ByTimeout:
		return t.HuntOn.OnTimeout()
	case ByTransport:
		return t.HuntOn.OnTransport()
	case ByLimit: // the called side was never asked
		return true
	case ByEarly: // passed over: another may say what the caller has heard
		return true
	case ByAnswer, ByPorts:
		return false
	default:
		return t.HuntOn.OnStatus(ev.status)
	}
}

// rungOut gives up on an attempt.
func (m *machine) rungOut(acts []action) []action {
	drop := action{op: opDropOut, attempt: m.Attempt, reason: `SIP;cause=408;text="Ring timeout"`}
	status := 408
	if m.Rung {
		status = 480
	}
	return m.failed(&event{why: ByRing, status: status}, append(acts, drop))
}

func (m *machine) callerGone(ev *event, acts []action) []action {
	end := cdr.EndCancelled
	if m.Phase == Talking {
		end = cdr.EndCompleted
	}
	m.Phase = Done
	return append(m.dropOut(ev.reason, acts), action{op: opFinish, end: end, by: cdr.ByCaller, reason: ev.reason})
}

// calledGone ends an answered call; one whose caller has not been answered yet
// is refused.
func (m *machine) calledGone(ev *event, acts []action) []action {
	caller := action{op: opDropIn, reason: ev.reason}
	finish := action{op: opFinish, end: cdr.EndCompleted, by: cdr.ByCalled, reason: ev.reason}
	if m.Phase == Answering {
		m.Status = 480
		caller = action{op: opRefuse, status: m.Status, reason: ev.reason}
		finish.end = cdr.EndRejected
	}
	m.Phase = Done
	return append(acts, caller, finish)
}

// stop ends both sides.
func (m *machine) stop(ev *event, acts []action) []action {
	caller := action{op: opRefuse, status: ev.status, reason: ev.reason}
	if caller.status == 0 {
		caller.status = 503
	}
	if m.Phase == Talking {
		caller = action{op: opDropIn, reason: ev.reason}
	}
	m.Phase = Done
	return append(m.dropOut(ev.reason, append(acts, caller)), action{op: opFinish, end: ev.end, by: cdr.BySystem, reason: ev.reason})
}

// dropOut ends the current attempt, if there is one.
func (m *machine) dropOut(reason string, acts []action) []action {
	if m.Attempt == 0 {
		return acts
	}
	return append(acts, action{op: opDropOut, attempt: m.Attempt, reason: reason})
}

// outcome is how a call ends that no attempt has answered.
func (m *machine) outcome() (cdr.EndReason, cdr.HungUpBy) {
	if m.Attempt == 0 {
		return cdr.EndNoRoute, cdr.BySystem
	}
	if m.Why == ByStatus {
		return cdr.EndRejected, cdr.ByCalled
	}
	return m.Why.end(), cdr.BySystem
}

// end is how an attempt that failed so is recorded.
func (w Why) end() cdr.EndReason {
	switch w {
	case ByTimeout, ByTransport:
		return cdr.EndUnreachable
	case ByRing:
		return cdr.EndNoAnswer
	case ByLimit:
		return cdr.EndLimit
	case ByAnswer, ByEarly:
		return cdr.EndBadOffer
	case ByPorts:
		return cdr.EndNoPorts
	default:
		return cdr.EndRejected
	}
}

// forCaller is the status that a caller gets for one that an attempt got.
// Some statuses must carry a header that speaks of our own request (a
// challenge, a Contact, what is unsupported): they are ours to live with, and
// without the header they mean nothing.
func forCaller(status int) int {
	switch {
	case status >= 300 && status < 400: // RFC 3261 §21.3: redirected nowhere
		return 480
	case status == 401 || status == 407: // §21.4.2, §21.4.8: our credentials, not the caller's
		return 403
	case status == 405 || status >= 420 && status <= 423 || status == 494: // §21.4.6, §21.4.15, §21.4.16; RFC 4028 §6; RFC 3329 §2
		return 500
	case status == 415: // §21.4.13: we chose the body
		return 488
	}
	return status
}
