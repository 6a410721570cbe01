package legs

import (
	"b2bua/legs/sipmsg"
)

// A draft is a message that an action names. It is written as soon as the action
// is performed, and its memory serves the next one: nothing may keep it, nor any
// slice of it.
type draft struct {
	sipmsg.Message
	via     [1]sipmsg.Via
	contact [1]sipmsg.Address
	param   [1]sipmsg.Param // of the contact
	headers [8]sipmsg.Header
}

// draft returns an empty one.
func (s *script) draft() *draft {
	last := len(s.drafts) - 1
	if last < 0 {
		return new(draft)
	}
	d := s.drafts[last]
	s.drafts = s.drafts[:last]
	return d
}

// answer drafts a response to a request; tag is for a To that has none.
func (s *script) answer(req *sipmsg.Message, status int, tag string) *draft {
	d := s.draft()
	d.SetResponse(req, status, "", tag)
	return d
}

// copied drafts what has been built elsewhere.
func (s *script) copied(m *sipmsg.Message) *draft {
	d := s.draft()
	d.Message = *m
	return d
}

// done takes the drafts of a script back, and forgets what they say.
func (s *script) done() {
	for i := range s.acts {
		if d := s.acts[i].msg; d != nil {
			s.release(d)
		}
	}
	clear(s.acts)
	clear(s.events)
	s.acts, s.events = s.acts[:0], s.events[:0]
}

// release takes one draft back.
func (s *script) release(d *draft) {
	d.Message = sipmsg.Message{}
	clear(d.headers[:])
	s.drafts = append(s.drafts, d)
}

// from sets the one Via of a request.
func (d *draft) from(via string) {
	d.via[0] = sipmsg.Via{Raw: via}
	d.Vias = d.via[:]
}

// at sets the one Contact.
func (d *draft) at(l *Local, tag string) {
	d.contact[0] = l.contact(tag, &d.param)
	d.Contacts = d.contact[:]
}

// with adds a header.
func (d *draft) with(name, value string) *draft {
	if d.Headers == nil {
		d.Headers = d.headers[:0]
	}
	d.Headers = append(d.Headers, sipmsg.Header{Name: name, Value: value})
	return d
}

// withAll adds headers.
func (d *draft) withAll(list []sipmsg.Header) {
	if d.Headers == nil {
		d.Headers = d.headers[:0]
	}
	d.Headers = append(d.Headers, list...)
}

// A pen writes messages: into images, of which some are kept for 64*T1. It keeps
// what it has written on last, unless that was uncommonly long.
type pen struct {
	scratch []byte
	images  *images
}

const penKeeps = 2048

func (p *pen) write(m *sipmsg.Message) ([]byte, error) {
	raw, err := m.Append(p.scratch[:0])
	if err != nil {
		return nil, err
	}
	if cap(raw) <= penKeeps {
		p.scratch = raw
	}
	return p.images.keep(raw), nil
}
