package legs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"b2bua/legs/shard"
	"b2bua/legs/sipmsg"
)

// dawn is when pure tests begin.
var dawn = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

var ours = Local{Transport: "udp", Host: "192.0.2.1:5060", Product: "b2bua"}

func seedOf(n byte) shard.Seed { return shard.Seed{Key: [16]byte{n}, Node: 1, Shard: 7} }

// crlf makes a message of what is written with plain line ends.
func crlf(text string) string {
	return strings.ReplaceAll(strings.TrimLeft(text, "\n"), "\n", "\r\n")
}

// parse reads a message written with plain line ends.
func parse(t testing.TB, text string) *sipmsg.Message {
	t.Helper()
	m, err := sipmsg.Parse([]byte(crlf(text)))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return m
}

const callerInvite = `
INVITE sip:33@192.0.2.1 SIP/2.0
Via: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK1;rport
Record-Route: <sip:p2.example;lr>;x=1, <sip:p1.example;lr>
From: "A" <sip:a@example>;tag=ta
To: <sip:33@example>
Call-ID: call-a
CSeq: 0007  INVITE
Contact: <sip:a@198.51.100.1:5070?X=y>
Max-Forwards: 70
Content-Length: 0

`

// step runs one move and returns what it did in words, as the tables say it.
func step(t testing.TB, now time.Time, move func(*script)) (string, []action) {
	t.Helper()
	out := script{now: now, timers: Timers{T1: 500 * time.Millisecond, T2: 4 * time.Second}}
	move(&out)
	var words []string
	for i, a := range out.acts {
		switch a.kind {
		case actRespond:
			words = append(words, fmt.Sprint(a.msg.Status))
		case actAccept:
			words = append(words, "200")
		case actReply:
			words = append(words, fmt.Sprintf("%d to %s", a.msg.Status, a.msg.Method))
		case actRequest, actDismiss, actCancel:
			words = append(words, a.msg.Method)
		case actSend, actResend:
			words = append(words, parseRaw(t, a.raw).Method)
		case actRemind:
			words = append(words, "again")
		case actEvent:
			words = append(words, out.events[a.ev].Kind.String())
		case actAdopt: // says nothing
		case actEnd:
			if i != len(out.acts)-1 || words[len(words)-1] != "ended" {
				t.Errorf("the end is not the end, or not after ended: %v", words)
			}
		}
	}
	return strings.Join(words, ", "), out.acts
}

func parseRaw(t testing.TB, raw []byte) *sipmsg.Message {
	t.Helper()
	m, err := sipmsg.Parse(raw)
	if err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	return m
}

// An uas is an inbound machine and how to move it.
type uas struct {
	t testing.TB
	s InboundState
	n uint32 // CSeq of the peer's last request in the dialog
}

func newUAS(t testing.TB) *uas {
	t.Helper()
	u := &uas{t: t, n: 7}
	u.s.begin(parse(t, callerInvite), seedOf(1), ours, Remote{})
	return u
}

// says builds a request of the peer inside the dialog.
func (u *uas) says(method string, cseq uint32) *sipmsg.Message {
	u.t.Helper()
	return parse(u.t, fmt.Sprintf(`
%[1]s sip:x@192.0.2.1 SIP/2.0
Via: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK%[1]s%[2]d
From: "A" <sip:a@example>;tag=ta
To: <sip:33@example>;tag=%[3]s
Call-ID: call-a
CSeq: %[2]d %[1]s
Reason: SIP;cause=200
Reason: Q.850;cause=16
Content-Length: 0

`, method, cseq, u.s.tag()))
}

// move returns what an input does. Not every input can reach every state.
func (u *uas) move(in Input) (string, []action) {
	u.t.Helper()
	return step(u.t, dawn, func(out *script) {
		switch in {
		case InProgress:
			u.s.progress(out, 180, false, nil, Body{})
		case InAnswer:
			u.s.answer(out, false, nil, Body{})
		case InRefuse:
			u.s.refuse(out, 480, "", nil)
		case InAck:
			u.s.receive(out, u.says("ACK", 7))
		case InCancel:
			u.s.receive(out, u.says("CANCEL", 7))
		case InHangup:
			u.s.hangup(out, 480, "Q.850;cause=16")
		case InBye:
			u.n++
			u.s.receive(out, u.says("BYE", u.n))
		case InAckLost:
			if u.s.State == Confirmed { // of a re-INVITE
				u.s.Asked = &asked{State: Answered}
			}
			out.now = dawn.Add(64 * out.timers.T1)
			u.s.Remind = time.Time{} // another timer
			u.s.fire(out)
			u.s.askedAckLost(out)
		case InGone:
			u.s.gone(out)
		case InLost:
			u.s.lost(out, 481)
		default:
			u.t.Fatalf("%v is not for an inbound leg", in)
		}
	})
}

// uasPaths lead to every state.
var uasPaths = map[State][]Input{
	Trying:      {},
	Early:       {InProgress},
	Answered:    {InAnswer},
	Closing:     {InAnswer, InHangup},
	Confirmed:   {InProgress, InAnswer, InAck},
	Terminating: {InAnswer, InAck, InHangup},
	Terminated:  {InRefuse},
}

// An uac is an outbound machine and how to move it.
type uac struct {
	t testing.TB
	s OutboundState
	n uint32
}

func newUAC(t testing.TB) *uac {
	t.Helper()
	u := &uac{t: t}
	did, _ := step(t, dawn, func(out *script) {
		call := &Call{RequestURI: "sip:33@gw.example", From: "<sip:a@192.0.2.1>", To: "<sip:33@gw.example>", MaxForwards: 69}
		u.s.begin(out, call, seedOf(2), ours, Remote{})
	})
	if did != "INVITE" {
		t.Fatalf("began with %s", did)
	}
	return u
}

// answers builds a response of the peer to the INVITE.
func (u *uac) answers(status int, tag string) *sipmsg.Message {
	u.t.Helper()
	return parse(u.t, fmt.Sprintf(`
SIP/2.0 %d Whatever
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=%s;rport
Record-Route: <sip:p1.example;lr>, <sip:p2.example;lr>
From: %s
To: <sip:33@gw.example>;tag=%s
Call-ID: %s
CSeq: 1 INVITE
Contact: <sip:callee@203.0.113.9>
Content-Length: 0

`, status, u.s.Branch, u.s.Dialog.LocalParty, tag, u.s.Dialog.CallID))
}

// says builds a request of the peer inside the dialog.
func (u *uac) says(method string, cseq uint32, tag string) *sipmsg.Message {
	u.t.Helper()
	return parse(u.t, fmt.Sprintf(`
%[1]s sip:x@192.0.2.1 SIP/2.0
Via: SIP/2.0/UDP 203.0.113.9;branch=z9hG4bK%[1]s%[2]d
From: <sip:33@gw.example>;tag=%[5]s
To: %[3]s
Call-ID: %[4]s
CSeq: %[2]d %[1]s
Content-Length: 0

`, method, cseq, u.s.Dialog.LocalParty, u.s.Dialog.CallID, tag))
}

func (u *uac) move(in Input) (string, []action) {
	u.t.Helper()
	return step(u.t, dawn, func(out *script) {
		switch in {
		case InProgress:
			u.s.response(out, u.answers(180, "g"))
		case InAnswer:
			u.s.response(out, u.answers(200, "g"))
		case InRefuse:
			u.s.response(out, u.answers(486, "g"))
		case InAck:
			u.s.acknowledge(out, Body{})
		case InHangup:
			u.s.hangup(out, "Q.850;cause=16")
		case InBye:
			u.n++
			u.s.receive(out, u.says("BYE", u.n, "g"))
		case InRangOut:
			u.s.rangOut(out)
		case InAckLost:
			u.s.Asked = &asked{State: Answered}
			u.s.askedAckLost(out)
		case InGone:
			u.s.gone(out)
		case InLost:
			u.s.lost(out, 481)
		default:
			u.t.Fatalf("%v is not for an outbound leg", in)
		}
	})
}

var uacPaths = map[State][]Input{
	Trying:        {},
	Early:         {InProgress},
	CancelPending: {InHangup},
	Cancelling:    {InProgress, InHangup},
	Answered:      {InProgress, InAnswer},
	Confirmed:     {InAnswer, InAck},
	Terminating:   {InAnswer, InAck, InHangup},
	Terminated:    {InRefuse},
}

// reread writes a state down and reads it back. Nothing may change by that.
func reread[S any](t tb, s *S) {
	t.Helper()
	before, err := json.Marshal(s)
	if err != nil {
		t.Fatalf("%v", err)
	}
	var read S
	if err := json.Unmarshal(before, &read); err != nil {
		t.Fatalf("%v\n%s", err, before)
	}
	after, err := json.Marshal(&read)
	if err != nil || !bytes.Equal(before, after) {
		t.Fatalf("read back as something else: %v\n%s\n%s", err, before, after)
	}
	*s = read
}
