package bridge

import (
	"time"

	"b2bua/rtprelay"
	"b2bua/sdp"
)

// media is the caller's side of a call's media: its offer, one relay session
// per m-line with the stream that faces the caller, and what both sides have been
// told. Every attempt adds a side of its own.
type media struct {
	offer  *sdp.Session // until the caller is answered
	lines  []line       // nil before the first attempt that is relayed
	bypass bool         // of the attempt that the caller hears

	talkers [2]talker // by Party
	draft   *draft    // of what a further offer would change; nil when none is under way
}

// A talker is one side of a call, the called one being that of the attempt in
// hand.
type talker struct {
	said   string     // its own description that holds, once the caller is answered
	origin sdp.Origin // of what it was told last
	digest uint64     // of that; 0 when it has been told nothing
}

// A line is one m-line of the call. Its session is nil when it is not relayed:
// rejected, or no datagrams.
type line struct {
	kind    string // audio, video, …
	session *rtprelay.Session
	caller  *rtprelay.Stream
	called  *rtprelay.Stream // of the attempt that the caller hears
}

// facing is the stream that faces a party.
func (l *line) facing(p Party) *rtprelay.Stream {
	if p == Caller {
		return l.caller
	}
	return l.called
}

// A side is what one attempt was offered, and the streams that face it.
type side struct {
	offer   *sdp.Session // what an answer has to fit: with media bypass the caller's own
	answer  *sdp.Session
	tag     string             // the attempt's early dialog that answer belongs to
	streams []*rtprelay.Stream // by m-line; nil where nothing is relayed
	bypass  bool
}

// settle begins to watch for silence, now that the call is answered, and lets
// go of what only the way there needed. The relay knows which m-lines are held
// or rejected, and may be silent.
func (m *media) settle(timeout time.Duration, a *side) {
	m.talkers[Caller].said, m.talkers[Called].said = m.offer.String(), a.answer.String()
	if m.bypass { // an earlier attempt was to be relayed
		m.close()
	}
	for i := range m.lines {
		if s := m.lines[i].session; s != nil {
			s.SetTimeout(timeout)
		}
	}
	m.offer = nil
}

// silent takes the time-out of one m-line and reports whether all others are
// silent too. If not, that line is watched on.
func (m *media) silent(index int, now time.Time, timeout time.Duration) bool {
	if index < 0 || index >= len(m.lines) || m.lines[index].session == nil {
		return false
	}
	for i := range m.lines {
		if m.lines[i].heard(now.Add(-timeout)) {
			m.lines[index].session.SetTimeout(timeout)
			return false
		}
	}
	return true
}

// heard reports whether either side has sent anything since then.
func (l *line) heard(since time.Time) bool {
	for _, st := range []*rtprelay.Stream{l.caller, l.called} {
		if st != nil && st.Stats().LastArrival.After(since) {
			return true
		}
	}
	return false
}

// close gives the ports back, those of attempts too. Doing so twice changes
// nothing.
func (m *media) close() {
	m.discard()
	for i := range m.lines {
		if s := m.lines[i].session; s != nil {
			s.Close()
		}
	}
	m.lines = nil
}

func (s *side) close() {
	for _, st := range s.streams {
		if st != nil {
			st.Close()
		}
	}
	s.streams = nil
}
