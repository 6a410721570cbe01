package siptest

import (
	"fmt"
	"strings"
	"time"

	"b2bua/legs/sipmsg"
)

// marker begins what a peer says to itself, to know that everything sent to it
// before has been read.
const marker = "siptest marker "

// Hear returns the next message that was heard, repetitions included. It fails
// the test when none comes.
func (p *Peer) Hear() Heard {
	p.t.Helper()
	patience := time.NewTimer(Patience)
	defer patience.Stop()
	for {
		if h, ok := p.take(); ok {
			return h
		}
		select {
		case <-p.more:
		case <-patience.C:
			p.t.Fatalf("siptest: %s heard nothing", p.Addr())
		}
	}
}

func (p *Peer) take() (h Heard, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.heard) == 0 {
		return Heard{}, false
	}
	h, p.heard = p.heard[0], p.heard[1:]
	return h, true
}

// Next is Hear for those who only want the message.
func (p *Peer) Next() *sipmsg.Message {
	p.t.Helper()
	return p.Hear().Message
}

// Expect returns the next message, which must be this request ("BYE") or this
// response ("180", or "200 INVITE"); 100 and repetitions are passed over when
// they are not what is wanted.
func (p *Peer) Expect(what string) *sipmsg.Message {
	p.t.Helper()
	for {
		h := p.Hear()
		if Is(h.Message, what) {
			return h.Message
		}
		if h.Message.Status != 100 && !h.Again {
			p.t.Fatalf("siptest: %s heard %s, wanted %s", p.Addr(), Describe(h.Message), what)
		}
	}
}

// Fresh is Expect that passes over repetitions in any case.
func (p *Peer) Fresh(what string) *sipmsg.Message {
	p.t.Helper()
	for {
		switch h := p.Hear(); {
		case h.Again:
		case Is(h.Message, what):
			return h.Message
		case h.Message.Status != 100:
			p.t.Fatalf("siptest: %s heard %s, wanted %s", p.Addr(), Describe(h.Message), what)
		}
	}
}

// Await is Expect that passes over everything else.
func (p *Peer) Await(what string) *sipmsg.Message {
	p.t.Helper()
	for {
		if m := p.Next(); Is(m, what) {
			return m
		}
	}
}

// Silent fails the test when something was heard that nobody asked for, but for
// repetitions and 100. It does not wait for what may still come: call it after an
// exchange that would have followed.
func (p *Peer) Silent() {
	p.t.Helper()
	mark := marker + p.Branch()
	p.write(p.Addr(), []byte(mark))
	for {
		h := p.Hear()
		switch {
		case h.Raw == mark:
			return
		case h.Message.Status != 100 && !h.Again:
			p.t.Errorf("siptest: %s heard %s, wanted nothing", p.Addr(), Describe(h.Message))
		}
	}
}

// Is reports whether m is what Expect calls what.
func Is(m *sipmsg.Message, what string) bool {
	status, method, _ := strings.Cut(what, " ")
	if m.IsRequest() {
		return m.Method == what
	}
	return fmt.Sprint(m.Status) == status && (method == "" || m.Method == method)
}

// Describe is a message in a few words.
func Describe(m *sipmsg.Message) string {
	if m.IsRequest() {
		return m.Method + " " + m.RequestURI
	}
	return fmt.Sprintf("%d %s (%s)", m.Status, m.Reason, m.Method)
}
