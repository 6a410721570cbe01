package bridge

import (
	"net/netip"
	"time"

	"b2bua/cdr"
	"b2bua/legs"
	"b2bua/legs/shard"
	"b2bua/legs/sipmsg"
	"b2bua/policy"
	"b2bua/rtprelay"
	"b2bua/sdp"
)

// A CallState is all that a call remembers between two steps, as plain data. It
// names its legs by their tags, and what the relay keeps for it by numbers that
// count from 1; 0 is none.
type CallState struct {
	Ref      uint64        `json:"ref"`
	Machine  machine       `json:"machine"`
	Record   *cdr.Record   `json:"record"`
	Began    time.Time     `json:"began"`
	Answered time.Time     `json:"answered"`
	Seed     shard.Seed    `json:"seed"`
	Inbound  string        `json:"inbound"`
	Attempt  *attemptState `json:"attempt"`
	Media    mediaState    `json:"media"`
	Setup    *setupState   `json:"setup"`
	Reply    replyState    `json:"reply"`
	Held     bool          `json:"held"`
	Silenced bool          `json:"silenced"`
}

type setupState struct {
	Invite *legs.Invite  `json:"invite"`
	Trunk  *policy.Trunk `json:"trunk"`
}

type replyState struct {
	Status  int             `json:"status"`
	NewTag  bool            `json:"new_tag"`
	Headers []sipmsg.Header `json:"headers"`
	Body    legs.Body       `json:"body"`
}

// attemptState is the current attempt. Of earlier ones only their legs are left,
// which have been hung up and say nothing any more.
type attemptState struct {
	No       int       `json:"no"`
	Target   bool      `json:"target"` // the machine still has its target
	Leg      string    `json:"leg"`
	Media    sideState `json:"media"`
	Answered time.Time `json:"answered"`
	Held     bool      `json:"held"`
	Silenced bool      `json:"silenced"`
}

type sideState struct {
	Offer   *sdp.Session `json:"offer"`
	Answer  *sdp.Session `json:"answer"`
	Tag     string       `json:"tag"`
	Streams []int        `json:"streams"`
	Bypass  bool         `json:"bypass"`
}

type mediaState struct {
	Offer   *sdp.Session   `json:"offer"`
	Lines   []lineState    `json:"lines"`
	Bypass  bool           `json:"bypass"`
	Talkers [2]talkerState `json:"talkers"`
	Draft   *draftState    `json:"draft"`
	Streams []streamState  `json:"streams"`
}

type talkerState struct {
	Said   []byte     `json:"said"` // its octets need not be UTF-8
	Origin sdp.Origin `json:"origin"`
	Digest uint64     `json:"digest"`
}

type lineState struct {
	Kind    string `json:"kind"`
	Session int    `json:"session"`
	Caller  int    `json:"caller"`
	Called  int    `json:"called"`
}

type draftState struct {
	From  Party        `json:"from"`
	Offer *sdp.Session `json:"offer"`
	Told  *sdp.Session `json:"told"`
	Lines []lineState  `json:"lines"`
	Fresh []freshState `json:"fresh"`
	Heard *sdp.Session `json:"heard"`
}

// freshState is one of the two.
type freshState struct {
	Session int `json:"session"`
	Stream  int `json:"stream"`
}

// streamState is what the relay has been told of a stream.
type streamState struct {
	Local  netip.AddrPort   `json:"local"`
	Remote *rtprelay.Remote `json:"remote"` // nil before there was one
	Joined int              `json:"joined"`
}

// handles are what a state has numbers for. They stay with the relay, sockets and
// all, while the call is written and read.
type handles struct {
	sessions []*rtprelay.Session
	streams  []*rtprelay.Stream
}

func (h *handles) session(s *rtprelay.Session) int {
	if s == nil {
		return 0
	}
	return number1(&h.sessions, s)
}

func (h *handles) stream(st *rtprelay.Stream) int {
	if st == nil {
		return 0
	}
	return number1(&h.streams, st)
}

// number1 is the place of x in a list that it is added to, from 1.
func number1[T comparable](list *[]T, x T) int {
	for i, known := range *list {
		if known == x {
			return i + 1
		}
	}
	*list = append(*list, x)
	return len(*list)
}

// save writes the call out. What it returns shares memory with the call: it has
// to be marshalled before anything else happens.
func (k *call) save() (CallState, *handles) {
	h := &handles{}
	s := CallState{
		Ref: k.ref, Machine: k.m, Record: &k.rec.Record, Began: k.began, Answered: k.answered, Seed: k.seed,
		Inbound: k.in.Tag(), Held: k.held, Silenced: k.silenced,
		Reply: replyState{Status: k.reply.status, NewTag: k.reply.newTag, Headers: k.reply.headers, Body: k.reply.body},
		Media: k.media.save(h),
	}
	if k.setup.inv != nil {
		s.Setup = &setupState{Invite: k.setup.inv, Trunk: k.setup.trunk}
	}
	if k.attempt != nil {
		s.Attempt = k.attempt.save(h)
	}
	for _, st := range h.streams { // the relay's word comes last: joins may name any of them
		out := streamState{Local: st.LocalRTP()}
		if r, ok := st.Remote(); ok {
			out.Remote = &r
		}
		s.Media.Streams = append(s.Media.Streams, out)
	}
	for i, st := range h.streams {
		if peer := st.Joined(); peer != nil {
			s.Media.Streams[i].Joined = h.stream(peer)
		}
	}
	return s, h
}

func (a *attempt) save(h *handles) *attemptState {
	s := &attemptState{
		No: a.no, Target: a.target != nil, Media: a.media.save(h),
		Answered: a.answered, Held: a.held, Silenced: a.silenced,
	}
	if a.leg != nil {
		s.Leg = a.leg.Tag()
	}
	return s
}

func (s *side) save(h *handles) sideState {
	out := sideState{Offer: s.offer, Answer: s.answer, Tag: s.tag, Bypass: s.bypass}
	if s.streams != nil {
		out.Streams = make([]int, len(s.streams))
	}
	for i, st := range s.streams {
		out.Streams[i] = h.stream(st)
	}
	return out
}

func (m *media) save(h *handles) mediaState {
	s := mediaState{Offer: m.offer, Lines: saveLines(m.lines, h), Bypass: m.bypass}
	for p, t := range m.talkers {
		s.Talkers[p] = talkerState{Said: []byte(t.said), Origin: t.origin, Digest: t.digest}
	}
	if m.draft != nil {
		s.Draft = m.draft.save(h)
	}
	return s
}

func saveLines(lines []line, h *handles) []lineState {
	if lines == nil {
		return nil
	}
	out := make([]lineState, len(lines))
	for i, l := range lines {
		out[i] = lineState{Kind: l.kind, Session: h.session(l.session), Caller: h.stream(l.caller), Called: h.stream(l.called)}
	}
	return out
}

func (d *draft) save(h *handles) *draftState {
	s := &draftState{From: d.from, Offer: d.offer, Told: d.told, Lines: saveLines(d.lines, h), Heard: d.heard}
	for _, f := range d.fresh {
		switch f := f.(type) {
		case *rtprelay.Session:
			s.Fresh = append(s.Fresh, freshState{Session: h.session(f)})
		case *rtprelay.Stream:
			s.Fresh = append(s.Fresh, freshState{Stream: h.stream(f)})
		}
	}
	return s
}
