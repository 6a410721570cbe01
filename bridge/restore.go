package bridge

import (
	"fmt"
	"slices"

	"b2bua/cdr"
	"b2bua/legs"
	"b2bua/rtprelay"
)

// load makes a call of a state that was written and read back, on the shard that
// has its legs. The relay is told once more what it was told, which changes
// nothing.
func (b *Bridge) load(c *legs.Core, s *CallState, h *handles) (*call, error) {
	if len(s.Media.Streams) != len(h.streams) {
		return nil, fmt.Errorf("bridge: state of call %s: %d streams, the relay has %d", s.Record.CallID, len(s.Media.Streams), len(h.streams))
	}
	in, ok := c.Leg(s.Inbound).(*legs.Inbound)
	if !ok {
		return nil, fmt.Errorf("bridge: state of call %s: no inbound leg %s", s.Record.CallID, s.Inbound)
	}
	k := &call{
		b: b, ref: s.Ref, m: s.Machine, rec: loadRecord(s.Record), began: s.Began, answered: s.Answered, seed: s.Seed,
		in: in, held: s.Held, silenced: s.Silenced,
		reply: reply{status: s.Reply.Status, newTag: s.Reply.NewTag, headers: s.Reply.Headers, body: s.Reply.Body},
		media: s.Media.load(h),
	}
	if s.Setup != nil {
		k.setup = setup{inv: s.Setup.Invite, trunk: s.Setup.Trunk}
	}
	if s.Attempt != nil {
		if err := k.loadAttempt(c, s.Attempt, h); err != nil {
			return nil, err
		}
	}
	in.Own(k)
	s.Media.tell(h)
	return k, nil
}

// loadRecord makes room for what is still to happen.
func loadRecord(r *cdr.Record) *record {
	out := &record{Record: *r}
	if r.SIPStatus != nil {
		out.sent(*r.SIPStatus)
	}
	for range len(r.Attempts) - 1 {
		out.more = append(out.more, new(attemptRoom))
	}
	return out
}

func (k *call) loadAttempt(c *legs.Core, s *attemptState, h *handles) error {
	a := &attempt{
		call: k, no: s.No, media: s.Media.load(h),
		answered: s.Answered, held: s.Held, silenced: s.Silenced,
	}
	k.attempt = a
	if s.Target {
		if s.No < 1 || s.No > len(k.m.Targets) {
			return fmt.Errorf("bridge: state of call %s: attempt %d of %d targets", k.rec.CallID, s.No, len(k.m.Targets))
		}
		a.target = &k.m.Targets[s.No-1]
	}
	if s.Leg == "" {
		return nil
	}
	var ok bool
	if a.leg, ok = c.Leg(s.Leg).(*legs.Outbound); !ok {
		return fmt.Errorf("bridge: state of call %s: no outbound leg %s", k.rec.CallID, s.Leg)
	}
	a.leg.Own(a)
	return nil
}

func (s *sideState) load(h *handles) side {
	out := side{offer: s.Offer, answer: s.Answer, tag: s.Tag, bypass: s.Bypass}
	if s.Streams != nil {
		out.streams = make([]*rtprelay.Stream, len(s.Streams))
	}
	for i, n := range s.Streams {
		out.streams[i] = nth(h.streams, n)
	}
	return out
}

func (s *mediaState) load(h *handles) media {
	m := media{offer: s.Offer, lines: loadLines(s.Lines, h), bypass: s.Bypass}
	for p, t := range s.Talkers {
		m.talkers[p] = talker{said: string(t.Said), origin: t.Origin, digest: t.Digest}
	}
	if d := s.Draft; d != nil {
		m.draft = &draft{from: d.From, offer: d.Offer, told: d.Told, lines: loadLines(d.Lines, h), heard: d.Heard}
		for _, f := range d.Fresh {
			if f.Session > 0 {
				m.draft.fresh = append(m.draft.fresh, nth(h.sessions, f.Session))
			} else {
				m.draft.fresh = append(m.draft.fresh, nth(h.streams, f.Stream))
			}
		}
	}
	return m
}

func loadLines(lines []lineState, h *handles) []line {
	if lines == nil {
		return nil
	}
	out := make([]line, len(lines))
	for i, l := range lines {
		out[i] = line{kind: l.Kind, session: nth(h.sessions, l.Session), caller: nth(h.streams, l.Caller), called: nth(h.streams, l.Called)}
	}
	return out
}

// tell has every stream aimed and joined as the state says.
func (s *mediaState) tell(h *handles) {
	for i, st := range s.Streams {
		if st.Remote != nil {
			h.streams[i].SetRemote(*st.Remote)
		}
	}
	for _, l := range s.allLines() {
		a, b := nth(h.streams, l.Caller), nth(h.streams, l.Called)
		if a != nil && b != nil && s.Streams[l.Caller-1].Joined == l.Called {
			nth(h.sessions, l.Session).Join(a, b)
		}
	}
}

func (s *mediaState) allLines() []lineState {
	if s.Draft == nil {
		return s.Lines
	}
	return append(slices.Clip(s.Lines), s.Draft.Lines...)
}

// nth is what a number stands for; nil for 0.
func nth[T any](list []*T, n int) *T {
	if n <= 0 || n > len(list) {
		return nil
	}
	return list[n-1]
}
