package legs

import (
	"slices"

	"pgregory.net/rapid"

	"b2bua/legs/shard"
	"b2bua/legs/sipmsg"
	"b2bua/legs/txn"
)

// reinvites is what the peer of a leg knows of the re-INVITEs that it has heard,
// and what must be true of them.
type reinvites struct {
	t     *rapid.T
	heard map[uint32]*sipmsg.Message // by CSeq
	last  uint32
	rang  map[uint32]bool
	final map[uint32]int  // what the peer has answered
	late  map[uint32]bool // by then we had given up
	acks  map[uint32]int
}

func newReinvites(t *rapid.T) *reinvites {
	return &reinvites{
		t: t, heard: map[uint32]*sipmsg.Message{}, rang: map[uint32]bool{}, late: map[uint32]bool{}, final: map[uint32]int{}, acks: map[uint32]int{},
	}
}

// look judges a request of the leg's if it is about a re-INVITE, and says so.
func (r *reinvites) look(m *sipmsg.Message) bool {
	r.t.Helper()
	known := r.heard[m.CSeq]
	switch {
	case m.Method == "INVITE" && known != nil:
		if known.Vias[0].Raw != m.Vias[0].Raw || r.final[m.CSeq] != 0 || r.rang[m.CSeq] {
			r.t.Fatalf("re-INVITE %d again, after a response or with another branch", m.CSeq)
		}
	case m.Method == "INVITE":
		if r.last != 0 && r.final[r.last] == 0 {
			r.t.Fatalf("re-INVITE %d while %d is out", m.CSeq, r.last)
		}
		if len(m.Contacts) != 1 || len(m.Body) == 0 || m.CSeq <= r.last {
			r.t.Fatalf("re-INVITE %d: %d Contacts, body %q", m.CSeq, len(m.Contacts), m.Body)
		}
		r.last, r.heard[m.CSeq] = m.CSeq, m
	case known == nil:
		return false
	case m.Method == "CANCEL":
		if !r.rang[m.CSeq] || known.Vias[0].Raw != m.Vias[0].Raw || known.RequestURI != m.RequestURI {
			r.t.Fatalf("CANCEL of re-INVITE %d before a response, or of another", m.CSeq)
		}
	case m.Method == "ACK":
		if r.final[m.CSeq] == 0 || (r.final[m.CSeq] >= 300) != (known.Vias[0].Raw == m.Vias[0].Raw) {
			r.t.Fatalf("ACK of re-INVITE %d, which got %d", m.CSeq, r.final[m.CSeq])
		}
		r.acks[m.CSeq]++
	default:
		return false
	}
	return true
}

// answer is a response to the last re-INVITE; ok is false when there is none
// that a sound peer would send.
func (r *reinvites) answer(l *lab, id shard.ID, status int) (m *sipmsg.Message, ok bool) {
	was := r.final[r.last]
	if r.last == 0 || was != 0 && (was != status || status < 200) {
		return nil, false
	}
	if status < 200 {
		r.rang[r.last] = true
	} else {
		key := txn.ClientKey{Branch: r.heard[r.last].Vias[0].Branch(), Method: "INVITE"}
		alive := l.stack.cores[id].clients.find(key) != nil
		r.final[r.last], r.late[r.last] = status, r.late[r.last] || !alive
	}
	m = sipmsg.NewResponse(r.heard[r.last], status, "", "")
	m.Contacts = []sipmsg.Address{{Raw: "<sip:moved@198.51.100.1>"}}
	return m, true
}

// finish: what had a final response was acknowledged.
func (r *reinvites) finish() {
	r.t.Helper()
	for cseq, status := range r.final {
		if r.acks[cseq] == 0 && (status < 300 || !r.late[cseq]) {
			r.t.Errorf("re-INVITE %d got %d and no ACK", cseq, status)
		}
	}
}

// commands are what a bridge may ask of a leg with re-INVITEs.
var commands = map[string]func(Leg){
	"reoffer":  func(l Leg) { l.Reoffer(Body{Type: "application/sdp", Data: []byte("v=0")}) },
	"withdraw": func(l Leg) { l.Withdraw() },
	"reanswer": func(l Leg) { l.Reanswer(Body{Type: "application/sdp", Data: []byte("v=1")}) },
	"rerefuse": func(l Leg) { l.Rerefuse(488, nil) },
	"reack":    func(l Leg) { l.Ack(Body{}) },
}

var commandNames = func() []string {
	var names []string
	for name := range commands {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}()

var reStatuses = rapid.SampledFrom([]int{100, 180, 200, 200, 200, 488, 488, 491, 491, 491, 481, 408})
