package bridge

// Party is one of the two sides of a call.
type Party uint8

// The parties.
const (
	Caller Party = iota
	Called
)

func (p Party) String() string { return [...]string{"caller", "called"}[p] }

func (p Party) other() Party { return 1 - p }

// Exchange is how far a further offer of an answered call has come. There is one
// at a time, whoever made it (RFC 3264 §4).
type Exchange uint8

// The states of an exchange.
const (
	Stable      Exchange = iota // none is under way
	Offering                    // the offerer's is with the other side
	Withdrawing                 // the offerer has taken it back; the other side's word is awaited
	Restoring                   // the other side has accepted what is void, and is offered what it had before
	numExchanges
)

func (e Exchange) String() string {
	return [numExchanges]string{"stable", "offering", "withdrawing", "restoring"}[e]
}

// exchange takes news of a further offer. What each side has is changed when
// both have agreed, and not before (RFC 6141 §3).
func (m *machine) exchange(ev *event, acts []action) []action {
	switch {
	case ev.in == Reoffered:
		return m.reoffered(ev.party, acts)
	case m.Exchange == Stable:
		return acts
	case ev.in == Withdrawn:
		if m.Exchange != Offering || ev.party != m.Offerer {
			return acts
		}
		m.Exchange = Withdrawing
		return append(acts, action{op: opWithdraw, party: m.Offerer.other()})
	case ev.party == m.Offerer:
		return acts
	default:
		return m.answeredAgain(ev, acts)
	}
}

// reoffered passes an offer on unless another one is under way, or the call is
// not answered on both sides yet: then 491 has it come again (RFC 3261 §14.1).
func (m *machine) reoffered(from Party, acts []action) []action {
	if m.Phase != Talking || m.Exchange != Stable {
		return append(acts, action{op: opRerefuse, party: from, status: 491})
	}
	m.Exchange, m.Offerer = Offering, from
	return append(acts, action{op: opReoffer, party: from.other()})
}

// answeredAgain takes the word of the side that was offered something.
func (m *machine) answeredAgain(ev *event, acts []action) []action {
	was, to := m.Exchange, m.Offerer.other()
	m.Exchange = Stable
	switch {
	case ev.in == Reanswered && was == Offering:
		return append(acts, action{op: opReanswer, party: m.Offerer})
	case ev.in == Reanswered && was == Restoring:
		return append(acts, action{op: opRestored, party: to})
	case ev.in != Rerefused && was != Restoring: // it has changed, and must change back
		m.Exchange = Restoring
		restore := action{op: opRestore, party: to}
		if was == Offering {
			return append(acts, action{op: opRerefuse, party: m.Offerer, status: 488}, restore)
		}
		return append(acts, restore)
	case ev.in == Rerefused && was == Offering:
		return append(acts, action{op: opRerefuse, party: m.Offerer, status: forOfferer(ev.status)}, action{op: opDiscard})
	default:
		return append(acts, action{op: opDiscard})
	}
}

// forOfferer is the status that a party gets for one that the other has given to
// its offer. What would end the offerer's dialog (RFC 5057 §5.1), or keep it away
// from us, must not come of a refusal that leaves the call as it is.
func forOfferer(status int) int {
	switch status {
	case 403, 406, 486, 488, 491, 500, 504, 600, 603, 606:
		return status
	case 503: // RFC 3261 §21.5.4: it speaks of a gateway
		return 500
	}
	return 488
}
