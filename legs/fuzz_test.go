package legs

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"b2bua/legs/sipmsg"
	"b2bua/legs/transport"
)

// FuzzReceive gives the dispatcher datagrams of anybody's making, in the middle
// of two calls whose ids the fuzzer may use: OURTAG, OURBRANCH, OURCALL and
// OURCONTACT stand for the outbound leg's, INTAG for the inbound leg's. Nothing
// may panic, no leg may exist that no handler has seen, and when every leg that
// was seen is hung up, time leaves nothing behind.
func FuzzReceive(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add(crlf(seed), true)
	}
	f.Add("\r\n\r\n", true)
	f.Add("\x00\x00", false)
	f.Fuzz(func(t *testing.T, text string, known bool) {
		l := newLab(t)
		seen := map[leg]bool{}
		l.onInvite = func(_ *Core, in *Inbound, _ *Invite) {
			seen[in] = true
			in.Progress(183, true, nil, Body{})
		}
		l.hear(labPeer, []byte(crlf(callerInvite)))
		var out *Outbound
		l.on(7, func(c *Core) {
			out = c.Dial(l, Peer{Trunk: "pbx", InDialogSource: "trunk", Address: labPeer}, &Call{
				RequestURI: "sip:33@198.51.100.1", From: "<sip:a@192.0.2.1>", To: "<sip:33@198.51.100.1>", MaxForwards: 69,
			})
			seen[out] = true
		})
		in := l.in[0]
		text = strings.NewReplacer("OURTAG", out.Dialog.LocalTag, "OURBRANCH", out.Branch, "OURCALL", out.Dialog.CallID,
			"OURCONTACT", out.Local.contact("x", nil).String(), "INTAG", in.tag()).Replace(text)
		from := labPeer
		if !known {
			from = labNobody
		}
		for d := range strings.SplitSeq(text, "----\r\n") {
			l.hear(from, []byte(d))
			l.pass(100 * time.Millisecond)
		}
		for i, c := range l.stack.cores {
			for leg := range c.legs.index.All() {
				if !seen[leg] && !leg.base().mute {
					t.Errorf("shard %d has a leg under %s that nobody has seen", i, leg.tag())
				}
			}
		}
		for leg := range seen {
			l.on(leg.base().core.Shard(), func(*Core) { leg.Hangup("") })
		}
		l.pass(15 * time.Minute)
		l.empty()
		if l.crashes > 0 {
			t.Errorf("%d crashes", l.crashes)
		}
		judge(t, l.said())
	})
}

// judge makes sure that all that was said can be read, but for the refusal of
// what could not be: that repeats what it has to.
func judge(t *testing.T, said []transport.Outgoing) {
	t.Helper()
	for _, o := range said {
		refusal := bytes.HasPrefix(o.Data, []byte("SIP/2.0 4")) || bytes.HasPrefix(o.Data, []byte("SIP/2.0 5"))
		if _, err := sipmsg.Parse(o.Data); err != nil && !refusal {
			t.Errorf("said what does not parse: %v\n%q", err, o.Data)
		}
		if !o.Flow.Peer.IsValid() {
			t.Errorf("said to nobody: %q", o.Data)
		}
	}
}

var fuzzSeeds = []string{
	callerInvite,
	`
INVITE sip:44@192.0.2.1 SIP/2.0
Via: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK2
From: <sip:a@example>;tag=tb
To: <sip:44@example>
Call-ID: call-b
CSeq: 1 INVITE
Contact: <sip:a@host.example>
Max-Forwards: 70
Require: 100rel
Content-Length: 0

----
CANCEL sip:33@192.0.2.1 SIP/2.0
Via: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK1;rport
From: "A" <sip:a@example>;tag=ta
To: <sip:33@example>
Call-ID: call-a
CSeq: 7 CANCEL
Content-Length: 0

----
ACK sip:33@192.0.2.1 SIP/2.0
Via: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK1;rport
From: "A" <sip:a@example>;tag=ta
To: <sip:33@example>;tag=INTAG
Call-ID: call-a
CSeq: 7 ACK
Content-Length: 0

`,
	`
BYE sip:33@192.0.2.1 SIP/2.0
Via: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK3
From: "A" <sip:a@example>;tag=ta
To: <sip:33@example>;tag=INTAG
Call-ID: call-a
CSeq: 8 BYE
Content-Length: 0

`,
	`
SIP/2.0 183 Session Progress
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=OURBRANCH;rport
From: <sip:a@192.0.2.1>;tag=OURTAG
To: <sip:33@198.51.100.1>;tag=g
Call-ID: OURCALL
CSeq: 1 INVITE
Contact: <sip:g@host.example>
Content-Length: 0

----
SIP/2.0 200 OK
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=OURBRANCH;rport
Record-Route: <sip:198.51.100.1;lr>, <sip:strict.example>
From: <sip:a@192.0.2.1>;tag=OURTAG
To: <sip:33@198.51.100.1>;tag=g
Call-ID: OURCALL
CSeq: 1 INVITE
Contact: <sip:g@host.example>
Content-Length: 0

----
INFO sip:x@192.0.2.1 SIP/2.0
Via: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK4
From: <sip:33@198.51.100.1>;tag=g
To: <sip:a@192.0.2.1>;tag=OURTAG
Call-ID: OURCALL
CSeq: 8 INFO
Content-Length: 0

`,
	`
SIP/2.0 503 Service Unavailable
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=OURBRANCH;rport
From: <sip:a@192.0.2.1>;tag=OURTAG
To: <sip:33@198.51.100.1>;tag=g
Call-ID: OURCALL
CSeq: 1 INVITE
Content-Length: 0

----
SIP/2.0 200 OK
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=OURBRANCH;rport
From: <sip:a@192.0.2.1>;tag=OURTAG
To: <sip:33@198.51.100.1>
Call-ID: OURCALL
CSeq: 1 INVITE
Content-Length: 0

`,
	`
OPTIONS sip:192.0.2.1 SIP/2.0
Via: SIP/2.0/UDP 198.51.100.1
From: <sip:a@example>
To: <sip:b@example>
Call-ID: 2543
CSeq: 1 OPTIONS
Content-Length: 0

----
INVITE OURCONTACT SIP/2.0
Via: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK9
From: <sip:a@192.0.2.1>;tag=OURTAG
To: <sip:33@198.51.100.1>
Call-ID: OURCALL
CSeq: 1 INVITE
Contact: <sip:a@h>
Content-Length: 0

`,
}
