package siptest

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"b2bua/legs/sipmsg"
)

// The timers of a phone (RFC 3261 §17.1.1.1).
const (
	phoneT1 = 500 * time.Millisecond
	phoneT2 = 4 * time.Second
	phoneT4 = 5 * time.Second
	phone64 = 64 * phoneT1
)

// Never is a time of [Habits] at which nothing happens.
const Never = time.Duration(-1)

// Habits say what a phone does of its own accord.
type Habits struct {
	// As the called side, after the INVITE:
	Ring   time.Duration // 180; Never for none
	Answer time.Duration // the final response; Never for none
	Status int           // of the final response; 0 means 200
	Forks  int           // how many further phones answer the same INVITE with 200

	Cancel time.Duration // as the caller: gives up so long after the INVITE; 0 and Never: does not
	Hangup time.Duration // BYE, so long after the ACK; Never: does not

	// In a dialog, as either side:
	Reoffers []Reoffer     // re-INVITEs that it sends
	Reanswer time.Duration // the final response to one that it gets, so long after it
	Rerefuse int           // its status; 0 means 200
}

// A Phone is a user agent that keeps to RFC 3261 and repeats what it has to, on
// a [Network]. It has one call at a time or more, each with one INVITE.
type Phone struct {
	Addr   netip.AddrPort
	Habits Habits
	// Body is what it offers or answers.
	Body []byte
	// Calls are all it has made or taken so far.
	Calls []*PhoneCall

	net     *Network
	server  netip.AddrPort
	ids     int
	clients map[string]*phoneClient // by branch and method
	servers map[string][]byte       // the last response to a request, by branch and method
}

// A PhoneCall is one INVITE as the phone sees it.
type PhoneCall struct {
	// Status is the final response: what the caller heard (408 for none at all),
	// or the called side sent. 0: none yet.
	Status  int
	Dialogs []*PhoneDialog // one per 2xx with a tag of its own
	Ended   bool           // the INVITE is over; its dialogs may not be
	Acks    int            // called side: ACKs heard, of a refusal or a 2xx
	Gone    bool           // caller: has given up

	phone  *Phone
	invite *sipmsg.Message
	caller bool
	final  []byte // called side: a refusal; caller: its ACK
	last   []byte // called side: the last provisional
	rang   bool   // caller: has heard a 1xx
}

// A PhoneDialog is a dialog that a 2xx has made.
type PhoneDialog struct {
	Tag   string // the called side's
	Acked bool   // called side: has heard the ACK
	// HungUp says who ended it: "us", "them", "" when it is up.
	HungUp string
	// Byed is the response to our BYE, 408 for none; 0 when there was none to send.
	Byed int
	// Closed says that nothing is left to do for it.
	Closed bool
	// Reoffers are the re-INVITEs that it has sent.
	Reoffers []*PhoneReoffer

	call *PhoneCall
	ok   *sipmsg.Message // the 2xx
	ack  []byte          // caller: said again for every 2xx
	cseq uint32

	asking    *PhoneReoffer // the last one of ours
	asked     *phoneAsked   // and of theirs
	theirCSeq uint32
	version   int    // of our description
	port      uint16 // of our media; 0: the phone's own
}

// NewPhone puts a phone on a network; all that it says goes to server.
func NewPhone(n *Network, addr, server netip.AddrPort, habits Habits) *Phone {
	p := &Phone{
		Addr: addr, Habits: habits, net: n, server: server, Body: SDP(addr),
		clients: map[string]*phoneClient{}, servers: map[string][]byte{},
	}
	n.Attach(addr, p.receive)
	return p
}

// Left names what the phone still has to do, "" when that is nothing.
func (p *Phone) Left() string {
	for i, c := range p.Calls {
		if !c.Ended {
			return fmt.Sprintf("%v: the INVITE of call %d is not over", p.Addr, i)
		}
		for _, d := range c.Dialogs {
			if !d.Closed {
				return fmt.Sprintf("%v: the dialog %s of call %d is up", p.Addr, d.Tag, i)
			}
		}
	}
	return ""
}

func (p *Phone) id(what string) string {
	p.ids++
	return fmt.Sprintf("%s%s-%d", what, strings.ReplaceAll(p.Addr.String(), ":", "-"), p.ids)
}

func (p *Phone) via() []sipmsg.Via {
	return []sipmsg.Via{{Raw: "SIP/2.0/UDP " + p.Addr.String() + ";branch=" + p.id("z9hG4bK")}}
}

func (p *Phone) say(m *sipmsg.Message) []byte {
	raw, err := m.Bytes()
	if err != nil {
		panic(err) // a test's own message
	}
	p.net.Send(p.Addr, p.server, raw)
	return raw
}

func (p *Phone) again(raw []byte) { p.net.Send(p.Addr, p.server, raw) }

// repeat sends raw at growing intervals until over reports true (timers A, E, G
// and the 2xx's own), and calls lost after 64*T1.
func (p *Phone) repeat(raw []byte, most time.Duration, over func() bool, lost func()) {
	interval := phoneT1
	var next func()
	next = func() {
		if over() {
			return
		}
		p.again(raw)
		interval = min(2*interval, most)
		p.net.After(interval, next)
	}
	p.net.After(interval, next)
	p.net.After(phone64, func() {
		if !over() {
			lost()
		}
	})
}

func (p *Phone) receive(_ netip.AddrPort, raw []byte) {
	m, err := sipmsg.Parse(raw)
	switch {
	case err != nil:
		panic(fmt.Sprintf("siptest: the server said what does not parse: %v\n%s", err, raw))
	case m.IsRequest():
		p.request(m)
	case m.Method == "INVITE":
		p.invited(m)
	default:
		if tx := p.clients[m.Vias[0].Branch()+m.Method]; tx != nil && m.Status >= 200 && !tx.over {
			tx.over = true
			tx.done(m.Status)
		}
	}
}

// request is the way of every request: what was answered before is answered in
// the same way.
func (p *Phone) request(m *sipmsg.Message) {
	key := m.Vias[0].Branch() + m.Method
	if raw, ok := p.servers[key]; ok {
		p.again(raw)
		return
	}
	switch m.Method {
	case "INVITE":
		if m.To.Tag() != "" {
			p.reinvited(m)
			return
		}
		p.ring(m)
	case "ACK":
		p.acked(m)
	case "CANCEL":
		p.cancelled(m)
	case "BYE":
		p.bye(m)
	default:
		p.reply(m, 405)
	}
}

// reply answers a request but INVITE, again and again for 64*T1 (timer J).
func (p *Phone) reply(m *sipmsg.Message, status int) {
	key := m.Vias[0].Branch() + m.Method
	p.servers[key] = p.say(sipmsg.NewResponse(m, status, "", "stray"))
	p.net.After(phone64, func() { delete(p.servers, key) })
}

func (p *Phone) bye(m *sipmsg.Message) {
	for _, c := range p.Calls {
		for _, d := range c.Dialogs {
			if c.invite.CallID != m.CallID || d.ours() != m.To.Tag() || d.theirs() != m.From.Tag() || d.Closed {
				continue
			}
			p.reply(m, 200)
			d.overtaken()
			if d.HungUp == "" { // else it crossed ours
				d.HungUp, d.Closed = "them", true
			}
			return
		}
	}
	p.reply(m, 481)
}

// A phoneClient is a client transaction of a request but INVITE.
type phoneClient struct {
	over bool
	done func(status int)
}

// start sends a request but INVITE until it is answered; 408 is for never.
func (p *Phone) start(m *sipmsg.Message, done func(status int)) {
	tx := &phoneClient{done: done}
	p.clients[branchOf(m)+m.Method] = tx
	p.repeat(p.say(m), phoneT2, func() bool { return tx.over }, func() {
		tx.over = true
		done(408)
	})
}

// branchOf is the branch of a request of ours, which was never parsed.
func branchOf(m *sipmsg.Message) string {
	via, err := sipmsg.ParseVia(m.Vias[0].Raw)
	if err != nil {
		panic(err)
	}
	return via.Branch()
}

func (d *PhoneDialog) ours() string {
	if d.call.caller {
		return d.call.invite.From.Tag()
	}
	return d.Tag
}

func (d *PhoneDialog) theirs() string {
	if d.call.caller {
		return d.Tag
	}
	return d.call.invite.From.Tag()
}

// hangUp sends BYE, once.
func (d *PhoneDialog) hangUp() {
	if d.HungUp != "" {
		return
	}
	d.HungUp = "us"
	d.overtaken()
	d.call.phone.start(d.request("BYE", d.cseq+1), func(status int) { d.Byed, d.Closed = status, true })
}

// request builds a request in the dialog.
func (d *PhoneDialog) request(method string, cseq uint32) *sipmsg.Message {
	c := d.call
	d.cseq = cseq
	m := &sipmsg.Message{
		Method: method, Vias: c.phone.via(), CallID: c.invite.CallID, CSeq: cseq, MaxForwards: 70,
	}
	if c.caller {
		m.From, m.To, m.RequestURI = c.invite.From, d.ok.To, d.ok.Contacts[0].URI.String()
		for _, rr := range slices.Backward(d.ok.RecordRoutes) {
			m.Routes = append(m.Routes, rr)
		}
	} else {
		m.From, m.To, m.RequestURI = d.ok.To, c.invite.From, c.invite.Contacts[0].URI.String()
		m.Routes = c.invite.RecordRoutes
	}
	return m
}

// address reads an address that is ours.
func address(s string) sipmsg.Address {
	a, err := sipmsg.ParseAddress(s)
	if err != nil {
		panic(err)
	}
	return a
}
