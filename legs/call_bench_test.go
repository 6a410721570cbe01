package legs

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"b2bua/legs/shard"
	"b2bua/legs/sipmsg"
)

// A relay is the smallest bridge there is: it dials for every call, on the same
// shard, and passes everything on.
type relay struct {
	lab  *lab
	pair *pair // of the latest call
}

func newRelay(t tb) *relay {
	t.Helper()
	r := &relay{lab: newLab(t)}
	r.lab.onInvite = r.invite
	r.lab.onEvent = r.event
	return r
}

type pair struct {
	in  *Inbound
	out *Outbound
}

func (r *relay) invite(c *Core, in *Inbound, inv *Invite) {
	p := &pair{in: in}
	in.Own(p)
	p.out = c.Dial(p, Peer{Trunk: "pbx", InDialogSource: "trunk", Address: labPeer}, &Call{
		RequestURI: "sip:33@198.51.100.1", From: "<sip:a@192.0.2.1>", To: "<sip:33@198.51.100.1>", MaxForwards: 69,
		Body: Body{Type: inv.ContentType, Data: inv.Body},
	})
	r.pair = p
}

func (r *relay) event(_ *Core, ev Event) {
	p := ev.Leg.Owner().(*pair)
	switch ev.Kind {
	case Progress:
		p.in.Progress(ev.Status, false, nil, Body{})
	case Accepted:
		p.out.Ack(Body{})
		p.in.Answer(false, nil, Body{Type: ev.ContentType, Data: ev.Body})
	case Bye, Cancelled:
		p.in.Hangup("")
		p.out.Hangup("")
	default:
	}
	r.lab.events = r.lab.events[:0]
}

// carrierInvite is what a carrier sends: 17 headers and an SDP.
func carrierInvite(callID string) string {
	sdp := strings.ReplaceAll("v=0\no=- 123456 1 IN IP4 198.51.100.1\ns=-\nc=IN IP4 198.51.100.1\nt=0 0\n"+
		"m=audio 20000 RTP/AVP 8 0 18 101\na=rtpmap:8 PCMA/8000\na=rtpmap:0 PCMU/8000\na=rtpmap:18 G729/8000\n"+
		"a=fmtp:18 annexb=no\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=ptime:20\na=sendrecv\n", "\n", "\r\n")
	return crlf(fmt.Sprintf(`
INVITE sip:+33123456789@192.0.2.1:5060;user=phone SIP/2.0
Via: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bK%[1]s;rport
Max-Forwards: 68
From: "Alice" <sip:+15551234567@carrier.example;user=phone>;tag=t%[1]s
To: <sip:+33123456789@192.0.2.1:5060;user=phone>
Call-ID: %[1]s@198.51.100.1
CSeq: 101 INVITE
Contact: <sip:+15551234567@198.51.100.1:5060;transport=udp>
Record-Route: <sip:198.51.100.1:5060;lr;ftag=t%[1]s>
Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO, REFER, NOTIFY
Supported: timer, 100rel, replaces
Session-Expires: 1800;refresher=uac
Min-SE: 90
P-Asserted-Identity: <sip:+15551234567@carrier.example>
Privacy: none
User-Agent: Carrier SBC 7.2
P-Charging-Vector: icid-value=1234567890abcdef;orig-ioi=carrier.example
Content-Type: application/sdp
Content-Length: %[2]d

`, callID, len(sdp))) + sdp
}

// script of one call, as datagrams: what the caller and the called say.
type dialogue struct{ invite, ringing, ok, ack, bye, byeOK []byte }

// establish takes a call to its ACK, and returns what was said.
func (r *relay) establish(callID string) (d dialogue) {
	r.lab.t.Helper()
	d.invite = []byte(carrierInvite(callID))
	r.lab.hear(labPeer, d.invite)
	ours := r.find("INVITE", 0)
	d.ringing = bytesOf(r.lab.t, sipmsg.NewResponse(ours, 180, "", "g"+callID))
	r.lab.hear(labPeer, d.ringing)
	ok := sipmsg.NewResponse(ours, 200, "", "g"+callID)
	ok.Contacts = []sipmsg.Address{{Raw: "<sip:g@198.51.100.1:5060>"}}
	ok.ContentType, ok.Body = ours.ContentType, ours.Body
	d.ok = bytesOf(r.lab.t, ok)
	r.lab.hear(labPeer, d.ok)
	answer := r.find("INVITE", 200)
	inside := func(method string, cseq uint32) []byte {
		return bytesOf(r.lab.t, &sipmsg.Message{
			Method: method, RequestURI: answer.Contacts[0].URI.String(), CallID: answer.CallID, CSeq: cseq, MaxForwards: 70,
			Vias: []sipmsg.Via{{Raw: "SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bK" + method + callID}},
			From: answer.From, To: answer.To,
		})
	}
	d.ack, d.bye = inside("ACK", 101), inside("BYE", 102)
	r.lab.hear(labPeer, d.ack)
	return d
}

// find returns the latest message of that method and status.
func (r *relay) find(method string, status int) *sipmsg.Message {
	r.lab.t.Helper()
	for _, v := range slices.Backward(r.lab.wire) {
		m, err := sipmsg.Parse(v.Data)
		if err != nil {
			r.lab.t.Fatalf("%v", err)
		}
		if m.Method == method && m.Status == status {
			r.lab.wire = nil
			return m
		}
	}
	r.lab.t.Fatalf("no %s %d was said", method, status)
	return nil
}

func bytesOf(t tb, m *sipmsg.Message) []byte {
	t.Helper()
	raw, err := m.Bytes()
	if err != nil {
		t.Fatalf("%v", err)
	}
	return raw
}

// BenchmarkCall is a whole call through both legs on one shard: 14 datagrams
// in and out, all transactions to their end, without sockets and bridge.
func BenchmarkCall(b *testing.B) {
	r, d := again(b)
	b.ReportAllocs()
	for b.Loop() {
		r.replay(d)
	}
	b.StopTimer()
	r.lab.empty()
	if r.lab.crashes > 0 {
		b.Error("crashed")
	}
}

// again is a relay and a call that it can replay: everything is as in production,
// but for the wire.
func again(t tb) (*relay, dialogue) {
	t.Helper()
	r := newRelay(t)
	fixed := func(id shard.ID) shard.Seed { // the same ids every time: the same datagrams
		r.lab.seeds++
		return shard.Seed{Key: [16]byte{r.lab.seeds}, Node: 1, Shard: id}
	}
	r.lab.stack.newSeed = fixed
	r.lab.stack.memory.spoil, r.lab.stack.images.spoil = nil, false
	r.lab.seeds = 0
	d := r.establish("bench")
	r.lab.hear(labPeer, d.bye)
	d.byeOK = bytesOf(t, sipmsg.NewResponse(r.find("BYE", 0), 200, "", ""))
	r.lab.hear(labPeer, d.byeOK)
	r.lab.pass(40 * time.Second)
	r.lab.empty()
	r.lab.deaf = true
	return r, d
}

// replay says all that was said in a call, with the same ids, and waits for its end.
func (r *relay) replay(d dialogue) {
	r.lab.seeds = 0
	for _, raw := range [...][]byte{d.invite, d.ringing, d.ok, d.ack, d.bye, d.byeOK} {
		r.lab.hear(labPeer, raw)
	}
	r.lab.pass(40 * time.Second)
	r.lab.in, r.lab.invs = r.lab.in[:0], r.lab.invs[:0]
}
