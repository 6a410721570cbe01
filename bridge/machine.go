package bridge

import (
	"b2bua/cdr"
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

var phaseNames = [numPhases]string{"routing", "dialing", "ringing", "answering", "talking", "done"}

func (p Phase) String() string { return phaseNames[p] }

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
	numInputs
)

var inputNames = [numInputs]string{
	"planned", "unplanned", "rang", "answered", "failed", "ring_timeout",
	"journaled", "unjournaled", "caller_gone", "called_gone", "stop",
}

func (i Input) String() string { return inputNames[i] }

// Why says how an attempt failed.
type Why uint8

// The ways an attempt can fail.
const (
	ByStatus    Why = iota // a final response
	ByTimeout              // no final response in time
	ByTransport            // it could not be sent, or its host not be found
	ByLimit                // its trunk is full: it was never sent
	ByAnswer               // what it answered cannot be used
	ByPorts                // there is no port for its media
)

// An event is one input with its facts.
type event struct {
	in      Input
	attempt int             // 1.., of Rang, Answered, Failed, RingTimeout
	targets []policy.Target // Planned
	status  int             // Unplanned, Failed, Stop: for the caller
	why     Why             // Failed
	end     cdr.EndReason   // Unplanned, Stop
	reason  string          // Reason header that came with it
}

// Op is what an action does.
type Op uint8

// The operations of the call machine.
const (
	opDial    Op = iota // attempt: dial Targets[attempt-1]
	opRing              // pass the 18x in hand to the caller
	opJournal           // write the answer record, then say Journaled
	opAnswer            // 200 to the caller
	opRefuse            // status to the caller
	opDropIn            // end the caller's leg
	opDropOut           // end the attempt
	opFinish            // end, by: close the record, give back what the call holds
)

// An action is one thing that follows from an event. step only names them.
type action struct {
	op      Op
	attempt int
	status  int
	end     cdr.EndReason
	by      cdr.HungUpBy
	reason  string
}

// Machine is the whole memory of a call's logic. It does no I/O, takes no lock
// and reads no clock; it is plain data.
type Machine struct {
	Phase   Phase
	Targets []policy.Target
	Attempt int // the current one, from 1; 0 before the first
	Rung    bool
	Status  int // of the last failed attempt, for the caller
	Why     Why
}

// step applies one event and returns what to do, in order. An event that the
// phase has no edge for changes nothing: late news of a call that went on.
func (m *Machine) step(ev event) []action {
	if !m.accepts(ev) {
		return nil
	}
	switch ev.in {
	case Planned:
		m.Targets = ev.targets
		return m.next()
	case Unplanned:
		m.Phase = Done
		return []action{{op: opRefuse, status: ev.status}, {op: opFinish, end: ev.end, by: cdr.BySystem}}
	case Rang:
		m.Phase, m.Rung = Ringing, true
		return []action{{op: opRing, attempt: ev.attempt}}
	case Answered:
		m.Phase = Answering
		return []action{{op: opJournal, attempt: ev.attempt}}
	case Failed:
		return m.failed(ev)
	case RingTimeout:
		return m.rungOut()
	case Journaled:
		m.Phase = Talking
		return []action{{op: opAnswer, attempt: m.Attempt}}
	case Unjournaled:
		return m.over(action{op: opRefuse, status: 503}, cdr.EndJournal, cdr.BySystem, "")
	case CallerGone:
		return m.callerGone(ev)
	case CalledGone:
		return m.calledGone(ev)
	case Stop:
		return m.stop(ev)
	}
	return nil
}

// phases lists where each input is accepted; the diagram is made from it.
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
}

func (m *Machine) accepts(ev event) bool {
	switch ev.in {
	case Rang, Answered, Failed, RingTimeout:
		if ev.attempt != m.Attempt { // of an attempt that was given up
			return false
		}
	}
	for _, p := range phases[ev.in] {
		if p == m.Phase {
			return true
		}
	}
	return false
}

// next dials the next target, or gives up with what the last one said.
func (m *Machine) next() []action {
	if m.Attempt == len(m.Targets) {
		m.Phase = Done
		return []action{{op: opRefuse, status: m.Status}, {op: opFinish, end: m.endOfLast(), by: m.byOfLast()}}
	}
	m.Attempt++
	m.Phase, m.Rung = Dialing, false
	return []action{{op: opDial, attempt: m.Attempt}}
}

// failed hunts on by the target's rules, or ends the call.
func (m *Machine) failed(ev event) []action {
	m.Status, m.Why = ev.status, ev.why
	if m.hunts(ev) {
		return m.next()
	}
	m.Phase = Done
	return []action{
		{op: opRefuse, status: ev.status, reason: ev.reason},
		{op: opFinish, end: m.endOfLast(), by: m.byOfLast()},
	}
}

func (m *Machine) hunts(ev event) bool {
	t := &m.Targets[m.Attempt-1]
	switch ev.why {
	case ByTimeout:
		return t.HuntOn.OnTimeout()
	case ByTransport:
		return t.HuntOn.OnTransport()
	case ByLimit:
		return true // the called side was never asked
	case ByAnswer, ByPorts:
		return false
	default:
		return t.HuntOn.OnStatus(ev.status)
	}
}

// rungOut gives up on an attempt. A telephone that rang is not rung again by
// another gateway; a silent gateway is left for the next.
func (m *Machine) rungOut() []action {
	drop := action{op: opDropOut, attempt: m.Attempt, reason: `SIP;cause=408;text="Ring timeout"`}
	rung := m.Rung
	m.Status, m.Why = 408, ByTimeout
	if !rung && m.hunts(event{why: ByTimeout}) {
		return append([]action{drop}, m.next()...)
	}
	m.Phase = Done
	if rung {
		m.Status = 480
	}
	return []action{drop, {op: opRefuse, status: m.Status}, {op: opFinish, end: cdr.EndNoAnswer, by: cdr.BySystem}}
}

func (m *Machine) callerGone(ev event) []action {
	end := cdr.EndCancelled
	if m.Phase == Talking {
		end = cdr.EndCompleted
	}
	var acts []action
	if m.Attempt > 0 {
		acts = append(acts, action{op: opDropOut, attempt: m.Attempt, reason: ev.reason})
	}
	m.Phase = Done
	return append(acts, action{op: opFinish, end: end, by: cdr.ByCaller, reason: ev.reason})
}

func (m *Machine) calledGone(ev event) []action {
	answered := m.Phase == Talking
	m.Phase = Done
	if answered {
		return []action{
			{op: opDropIn, reason: ev.reason},
			{op: opFinish, end: cdr.EndCompleted, by: cdr.ByCalled, reason: ev.reason},
		}
	}
	m.Status = 480
	return []action{
		{op: opRefuse, status: 480, reason: ev.reason},
		{op: opFinish, end: cdr.EndRejected, by: cdr.ByCalled, reason: ev.reason},
	}
}

func (m *Machine) stop(ev event) []action {
	status := ev.status
	if status == 0 {
		status = 503
	}
	first := action{op: opRefuse, status: status, reason: ev.reason}
	if m.Phase == Talking {
		first = action{op: opDropIn, reason: ev.reason}
	}
	return m.over(first, ev.end, cdr.BySystem, ev.reason)
}

// over ends both sides.
func (m *Machine) over(caller action, end cdr.EndReason, by cdr.HungUpBy, reason string) []action {
	acts := []action{caller}
	if m.Attempt > 0 {
		acts = append(acts, action{op: opDropOut, attempt: m.Attempt, reason: reason})
	}
	m.Phase = Done
	return append(acts, action{op: opFinish, end: end, by: by})
}

func (m *Machine) endOfLast() cdr.EndReason {
	switch m.Why {
	case ByTimeout, ByTransport:
		return cdr.EndUnreachable
	case ByLimit:
		return cdr.EndLimit
	case ByAnswer:
		return cdr.EndBadOffer
	case ByPorts:
		return cdr.EndNoPorts
	}
	return cdr.EndRejected
}

func (m *Machine) byOfLast() cdr.HungUpBy {
	if m.Why == ByStatus {
		return cdr.ByCalled
	}
	return cdr.BySystem
}
