package siptest

import (
	"fmt"
	"net/netip"

	"b2bua/legs/sipmsg"
)

// SDP is a plain audio description that points at addr.
func SDP(addr netip.AddrPort) []byte {
	return fmt.Appendf(nil, "v=0\r\no=phone 1 1 IN IP4 %[1]s\r\ns=call\r\nc=IN IP4 %[1]s\r\nt=0 0\r\n"+
		"m=audio %[2]d RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n", addr.Addr(), addr.Port())
}

// Outside builds a request outside any dialog to uri.
func (p *Peer) Outside(method, uri, from, callID string) *sipmsg.Message {
	m := &sipmsg.Message{
		Method: method, RequestURI: uri,
		Vias:        []sipmsg.Via{p.Via()},
		From:        p.Address("<sip:" + from + "@phone.invalid>;tag=t-" + callID),
		To:          p.Address("<" + uri + ">"),
		CallID:      callID,
		CSeq:        1,
		MaxForwards: 70,
	}
	if method == "INVITE" {
		m.Contacts = []sipmsg.Address{p.Address("<sip:" + from + "@" + p.Addr().String() + ">")}
	}
	return m
}

// Invite builds the INVITE of a new call to uri.
func (p *Peer) Invite(uri, from, callID string, body []byte) *sipmsg.Message {
	m := p.Outside("INVITE", uri, from, callID)
	if m.Body = body; len(body) > 0 {
		m.ContentType = "application/sdp"
	}
	return m
}

// Address reads an address that a test has written.
func (p *Peer) Address(s string) sipmsg.Address {
	p.t.Helper()
	a, err := sipmsg.ParseAddress(s)
	if err != nil {
		p.t.Fatalf("siptest: %q: %v", s, err)
	}
	return a
}

// Via is the Via of a new request.
func (p *Peer) Via() sipmsg.Via {
	return sipmsg.Via{Raw: "SIP/2.0/UDP " + p.Addr().String() + ";branch=" + p.Branch() + ";rport"}
}

// Request builds a request inside the dialog that invite and its response made,
// from the side that sent the INVITE.
func (p *Peer) Request(method string, cseq uint32, invite, response *sipmsg.Message) *sipmsg.Message {
	target := invite.RequestURI
	if len(response.Contacts) > 0 {
		target = response.Contacts[0].URI.String()
	}
	return &sipmsg.Message{
		Method: method, RequestURI: target, Vias: []sipmsg.Via{p.Via()},
		From: invite.From, To: response.To, CallID: invite.CallID, CSeq: cseq, MaxForwards: 70,
	}
}

// Cancel builds the CANCEL of an INVITE, and Ack the ACK of its refusal: both
// share its branch.
func (p *Peer) Cancel(invite *sipmsg.Message) *sipmsg.Message {
	return &sipmsg.Message{
		Method: "CANCEL", RequestURI: invite.RequestURI, Vias: invite.Vias,
		From: invite.From, To: invite.To, CallID: invite.CallID, CSeq: invite.CSeq, MaxForwards: 70,
	}
}

// Ack acknowledges a final response 300-699.
func (p *Peer) Ack(invite, final *sipmsg.Message) *sipmsg.Message {
	m := p.Cancel(invite)
	m.Method, m.To = "ACK", final.To
	return m
}

// Respond builds a response as a UAS: with a To tag, a Contact and a body.
func (p *Peer) Respond(req *sipmsg.Message, status int, tag string, body []byte) *sipmsg.Message {
	m := sipmsg.NewResponse(req, status, "", tag)
	m.Contacts = []sipmsg.Address{p.Address("<sip:callee@" + p.Addr().String() + ">")}
	if len(body) > 0 {
		m.ContentType, m.Body = "application/sdp", body
	}
	return m
}

// UASRequest builds a request inside a dialog from the side that received the
// INVITE and answered with ok.
func (p *Peer) UASRequest(method string, cseq uint32, invite, ok *sipmsg.Message) *sipmsg.Message {
	target := invite.From.URI.String()
	if len(invite.Contacts) > 0 {
		target = invite.Contacts[0].URI.String()
	}
	return &sipmsg.Message{
		Method: method, RequestURI: target, Vias: []sipmsg.Via{p.Via()},
		From: ok.To, To: invite.From, CallID: invite.CallID, CSeq: cseq, MaxForwards: 70,
	}
}
