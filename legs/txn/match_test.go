package txn_test

import (
	"strings"
	"testing"

	"b2bua/legs/sipmsg"
	"b2bua/legs/txn"
)

// invite is a request as a phone sends it, with the lines that a test changes.
type invite struct {
	method, uri, via, from, to, callID, cseq string
}

func (i invite) parse(t *testing.T) *sipmsg.Message {
	t.Helper()
	def := func(s *string, otherwise string) {
		if *s == "" {
			*s = otherwise
		}
	}
	def(&i.method, "INVITE")
	def(&i.uri, "sip:1000@192.0.2.1")
	def(&i.via, "SIP/2.0/UDP pbx.example.com:5060;branch=z9hG4bKabc")
	def(&i.from, "<sip:2000@192.0.2.2>;tag=from1")
	def(&i.to, "<sip:1000@192.0.2.1>")
	def(&i.callID, "call1@192.0.2.2")
	def(&i.cseq, "1")
	text := strings.Join([]string{
		i.method + " " + i.uri + " SIP/2.0",
		"Via: " + i.via, "Max-Forwards: 70", "From: " + i.from, "To: " + i.to,
		"Call-ID: " + i.callID, "CSeq: " + i.cseq + " " + i.method, "Contact: <sip:2000@192.0.2.2>",
		"Content-Length: 0", "", "",
	}, "\r\n")
	m, err := sipmsg.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRequestKey(t *testing.T) {
	t.Parallel()
	const via2543 = "SIP/2.0/UDP old.example.com;branch=1"
	base := invite{}
	old := invite{via: via2543}
	tests := []struct {
		name string
		a, b invite
		same bool
	}{
		{"the same again", base, base, true},
		{"RFC 3261 looks at branch, sent-by and method only", base, invite{uri: "sip:x@y", from: "<sip:x@y>;tag=z", callID: "other", cseq: "9"}, true},
		{"another branch", base, invite{via: "SIP/2.0/UDP pbx.example.com:5060;branch=z9hG4bKabd"}, false},
		{"another host", base, invite{via: "SIP/2.0/UDP pbx2.example.com:5060;branch=z9hG4bKabc"}, false},
		{"another port", base, invite{via: "SIP/2.0/UDP pbx.example.com:5062;branch=z9hG4bKabc"}, false},
		{"the default port", base, invite{via: "SIP/2.0/UDP pbx.example.com;branch=z9hG4bKabc"}, true},
		{"the default port of TLS", base, invite{via: "SIP/2.0/TLS pbx.example.com;branch=z9hG4bKabc"}, false},
		{"host in capitals", base, invite{via: "SIP/2.0/UDP PBX.Example.com:5060;branch=z9hG4bKabc"}, true},
		{"received and rport do not count", base, invite{via: "SIP/2.0/UDP pbx.example.com:5060;rport=1;received=192.0.2.9;branch=z9hG4bKabc"}, true},
		{"another method", base, invite{method: "OPTIONS"}, false},
		{"ACK belongs to its INVITE", base, invite{method: "ACK", to: "<sip:1000@192.0.2.1>;tag=ours"}, true},
		{"ACK of a 2xx", base, invite{method: "ACK", via: "SIP/2.0/UDP pbx.example.com:5060;branch=z9hG4bKnew"}, false},
		{"CANCEL is a transaction of its own", base, invite{method: "CANCEL"}, false},

		{"2543: the same again", old, old, true},
		{"2543: another Call-ID", old, invite{via: via2543, callID: "other"}, false},
		{"2543: another Request-URI", old, invite{via: via2543, uri: "sip:1001@192.0.2.1"}, false},
		{"2543: another From tag", old, invite{via: via2543, from: "<sip:2000@192.0.2.2>;tag=from2"}, false},
		{"2543: another CSeq", old, invite{via: via2543, cseq: "2"}, false},
		{"2543: another Via", old, invite{via: "SIP/2.0/UDP old.example.com;branch=2"}, false},
		{"2543: another sent-by", old, invite{via: "SIP/2.0/UDP older.example.com;branch=1"}, false},
		{"2543: ACK with the tag of our response", old, invite{method: "ACK", via: via2543, to: "<sip:1000@192.0.2.1>;tag=ours"}, true},
		{"2543: another method", invite{method: "BYE", via: via2543}, invite{method: "INFO", via: via2543}, false},
		{"2543: another To tag", invite{method: "BYE", via: via2543, to: "<sip:a@b>;tag=1"}, invite{method: "BYE", via: via2543, to: "<sip:a@b>;tag=2"}, false},
		{"2543: no branch at all", invite{via: "SIP/2.0/UDP old.example.com"}, invite{via: "SIP/2.0/UDP old.example.com"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, b := txn.RequestKey(tt.a.parse(t)), txn.RequestKey(tt.b.parse(t))
			if (a == b) != tt.same {
				t.Errorf("%+v and %+v: same is %v, want %v", a, b, a == b, tt.same)
			}
		})
	}
}

// The parser refuses a branch of nothing but the cookie; if one came by, it would
// not be unique.
func TestCookieAlone(t *testing.T) {
	t.Parallel()
	m := func(callID string) *sipmsg.Message {
		via := sipmsg.Via{Transport: "UDP", Host: "a", Params: sipmsg.Params{{Name: "branch", Value: "z9hG4bK"}}}
		return &sipmsg.Message{Method: "INVITE", Vias: []sipmsg.Via{via}, CallID: callID}
	}
	if a, b := txn.RequestKey(m("1")), txn.RequestKey(m("2")); a == b {
		t.Errorf("two calls share %+v", a)
	}
}

func TestCancelKey(t *testing.T) {
	t.Parallel()
	const old = "SIP/2.0/UDP old.example.com;branch=1"
	for _, via := range []string{"", old} {
		inv := txn.RequestKey(invite{via: via}.parse(t))
		if got := txn.CancelKey(invite{via: via, method: "CANCEL"}.parse(t)); got != inv {
			t.Errorf("CANCEL is for %+v, want %+v", got, inv)
		}
	}
	inv := txn.RequestKey(invite{via: old}.parse(t))
	if got := txn.CancelKey(invite{via: old, method: "CANCEL", callID: "other"}.parse(t)); got == inv {
		t.Error("a CANCEL of another call finds the INVITE")
	}
}

func TestMergeKey(t *testing.T) {
	t.Parallel()
	base := txn.MergeKeyOf(invite{}.parse(t))
	tests := []struct {
		name string
		in   invite
		same bool
	}{
		{"another path", invite{via: "SIP/2.0/UDP other.example.com;branch=z9hG4bKdef", uri: "sip:1001@192.0.2.1"}, true},
		{"another call", invite{callID: "other"}, false},
		{"another caller", invite{from: "<sip:2000@192.0.2.2>;tag=from2"}, false},
		{"the next try, after a 401", invite{cseq: "2"}, false},
		{"another method", invite{method: "OPTIONS"}, false},
	}
	for _, tt := range tests {
		if got := txn.MergeKeyOf(tt.in.parse(t)); (got == base) != tt.same {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
	for _, in := range []invite{{to: "<sip:a@b>;tag=ours"}, {method: "ACK"}, {method: "CANCEL"}} {
		if got := txn.MergeKeyOf(in.parse(t)); got != (txn.MergeKey{}) {
			t.Errorf("%v can be merged: %+v", in, got)
		}
	}
}

func TestResponseKey(t *testing.T) {
	t.Parallel()
	c := newClient(txn.Invite, "INVITE", false)
	c.Branch = "z9hG4bKabc"
	r := sipmsg.NewResponse(invite{}.parse(t), 180, "", "far")
	if got := txn.ResponseKey(r); got != c.Key() {
		t.Errorf("response %+v, request %+v", got, c.Key())
	}
	r = sipmsg.NewResponse(invite{method: "CANCEL"}.parse(t), 200, "", "far")
	if got := txn.ResponseKey(r); got == c.Key() {
		t.Error("the 200 to a CANCEL is taken for an answer")
	}
	if got := txn.ResponseKey(&sipmsg.Message{Status: 200}); got != (txn.ClientKey{}) {
		t.Errorf("a response without Via has the key %+v", got)
	}
	if got := txn.RequestKey(&sipmsg.Message{Method: "BYE"}); got != (txn.ServerKey{}) {
		t.Errorf("a request without Via has the key %+v", got)
	}
}

func TestKeysDoNotAllocate(t *testing.T) {
	req := invite{}.parse(t)
	res := sipmsg.NewResponse(req, 200, "", "far")
	allocs := testing.AllocsPerRun(100, func() {
		if txn.RequestKey(req).Hash() == txn.MergeKeyOf(req).Hash() || txn.ResponseKey(res).Branch == "" {
			t.Error("two keys have one hash, or none has one")
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations for three keys, want none", allocs)
	}
}
