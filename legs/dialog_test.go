package legs

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"b2bua/legs/sipmsg"
)

// RFC 3261 §12.2.1.1: what a request inside a dialog says and where it goes.
func TestDialogRequest(t *testing.T) {
	t.Parallel()
	const target = "sip:a@198.51.100.1:5070"
	tests := map[string]struct {
		routes []string
		uri    string
		sent   []string
		hop    string
	}{
		"no route":            {nil, target, nil, target},
		"loose router":        {[]string{"<sip:p1;lr>", "<sip:p2;lr>"}, target, []string{"<sip:p1;lr>", "<sip:p2;lr>"}, "sip:p1;lr"},
		"loose and a strict":  {[]string{"<sip:p1;lr>", "<sip:p2>"}, target, []string{"<sip:p1;lr>", "<sip:p2>"}, "sip:p1;lr"},
		"strict router":       {[]string{"<sip:p1>"}, "sip:p1", []string{"<" + target + ">"}, "sip:p1"},
		"strict and a loose":  {[]string{"<sip:p1>", "<sip:p2;lr>"}, "sip:p1", []string{"<sip:p2;lr>", "<" + target + ">"}, "sip:p1"},
		"strict with headers": {[]string{"<sip:p1;method=INVITE?X=y>"}, "sip:p1", []string{"<" + target + ">"}, "sip:p1"},
		"what is no address":  {[]string{"<"}, target, []string{"<"}, target},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := Dialog{CallID: "c", LocalParty: "<sip:l>;tag=l", RemoteParty: "<sip:r>;tag=r", RemoteTarget: target, Routes: tt.routes}
			before := slices.Clone(tt.routes)
			seed := seedOf(3)
			a := d.request(&script{}, "BYE", 9, &ours, &seed)
			var sent []string
			for _, r := range a.msg.Routes {
				sent = append(sent, r.Raw)
			}
			if a.msg.RequestURI != tt.uri || a.hop != tt.hop || !slices.Equal(sent, tt.sent) {
				t.Errorf("%s to %s, Route %v; want %s to %s, Route %v", a.msg.RequestURI, a.hop, sent, tt.uri, tt.hop, tt.sent)
			}
			if !slices.Equal(tt.routes, before) {
				t.Errorf("the route set became %v", tt.routes)
			}
			if m := a.msg; m.CSeq != 9 || m.From.Raw != d.LocalParty || m.To.Raw != d.RemoteParty || m.CallID != "c" ||
				m.MaxForwards != 70 || !strings.Contains(m.Vias[0].Raw, a.branch) || m.Header("User-Agent") != "b2bua" {
				t.Errorf("%+v", m)
			}
		})
	}
}

// What a dialog learns is its own: no string of it points into the message.
func TestDialogKeepsNoDatagram(t *testing.T) {
	t.Parallel()
	m := parse(t, callerInvite)
	var s InboundState
	s.begin(m, seedOf(1), ours, Remote{})
	d := &s.Dialog
	if d.CallID != "call-a" || d.RemoteTag != "ta" || d.RemoteParty != `"A" <sip:a@example>;tag=ta` || d.RemoteTarget != "sip:a@198.51.100.1:5070" ||
		!slices.Equal(d.Routes, []string{"<sip:p2.example;lr>;x=1", "<sip:p1.example;lr>"}) || d.RemoteCSeq != 7 {
		t.Errorf("%+v", d)
	}
	kept := append([]string{d.CallID, d.RemoteTag, d.RemoteParty, d.RemoteTarget, d.LocalParty}, d.Routes...)
	for _, theirs := range []string{m.CallID, m.From.Raw, m.RecordRoutes[0].Raw, m.RecordRoutes[1].Raw, m.To.Raw} {
		for _, k := range kept {
			if overlap(k, theirs) {
				t.Errorf("%q is part of the message", k)
			}
		}
	}
}

func overlap(a, b string) bool {
	from, to := uintptr(unsafe.Pointer(unsafe.StringData(a))), uintptr(unsafe.Pointer(unsafe.StringData(b)))
	return from < to+uintptr(len(b)) && to < from+uintptr(len(a))
}

// Which URI a peer is reached by, from its Contact.
func TestRemoteTarget(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		contacts []string
		want     string
	}{
		"none":          {nil, "sip:fallback"},
		"plain":         {[]string{"<sip:a@h:1;transport=udp>;q=1"}, "sip:a@h:1;transport=udp"},
		"the first":     {[]string{"<sip:a@h>", "<sip:b@h>"}, "sip:a@h"},
		"with headers":  {[]string{"<sip:a@h;method=INVITE;ob?Subject=x>"}, "sip:a@h;ob"},
		"no SIP URI":    {[]string{"<tel:+331>"}, "sip:fallback"},
		"not a Contact": {[]string{"*"}, "sip:fallback"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var contacts []sipmsg.Address
			for _, c := range tt.contacts {
				a, err := sipmsg.ParseAddress(c)
				if err != nil {
					t.Fatal(err)
				}
				contacts = append(contacts, a)
			}
			var d Dialog
			d.learn(&sipmsg.Address{Raw: "<sip:r>"}, contacts, nil, "sip:fallback")
			if d.RemoteTarget != tt.want {
				t.Errorf("%q, want %q", d.RemoteTarget, tt.want)
			}
		})
	}
}

// What responses repeat survives being written down to the letter.
func TestEchoIsPlainData(t *testing.T) {
	t.Parallel()
	m := parse(t, callerInvite)
	e := echoOf(m)
	first, err := bytesOfEcho(e)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var read *echo
	if err := json.Unmarshal(b, &read); err != nil {
		t.Fatal(err)
	}
	second, err := bytesOfEcho(read)
	if err != nil || string(first) != string(second) {
		t.Errorf("%v\n%s\n%s", err, first, second)
	}
	for _, part := range []string{"CSeq: 0007  INVITE\r\n", "Record-Route: <sip:p2.example;lr>;x=1\r\n", "To: <sip:33@example>;tag=tb\r\n"} {
		if !strings.Contains(string(first), part) {
			t.Errorf("lacks %q:\n%s", part, first)
		}
	}
	if json.Unmarshal([]byte(`"eA=="`), &read) == nil || json.Unmarshal([]byte(`7`), &read) == nil {
		t.Error("read back from rubbish")
	}
}

func bytesOfEcho(e *echo) ([]byte, error) {
	var m sipmsg.Message
	e.response(&m, 180, "", "tb")
	return m.Bytes()
}

func TestRepeat(t *testing.T) {
	t.Parallel()
	timers := Timers{T1: 500 * time.Millisecond, T2: 4 * time.Second}
	var r repeat
	if b, over := r.fire(dawn, timers); b != nil || over || !r.wake().IsZero() {
		t.Error("a stopped one has something to do")
	}
	r.start([]byte("2xx"), dawn, timers)
	var at []int64 // ms, RFC 3261 §13.3.1.4
	for {
		now := r.wake()
		if b, over := r.fire(now.Add(-1), timers); b != nil || over {
			t.Fatalf("early at %v", now.Sub(dawn))
		}
		b, over := r.fire(now, timers)
		if over {
			if now.Sub(dawn) != 32*time.Second || b != nil {
				t.Errorf("over at %v with %q", now.Sub(dawn), b)
			}
			break
		}
		if string(b) != "2xx" {
			t.Fatalf("sent %q", b)
		}
		at = append(at, now.Sub(dawn).Milliseconds())
	}
	want := []int64{500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500}
	if !slices.Equal(at, want) || r.Bytes != nil {
		t.Errorf("sent at %v, want %v", at, want)
	}
}

func TestLocal(t *testing.T) {
	t.Parallel()
	tcp := Local{Transport: "tcp", Host: "h"}
	if v := tcp.via("b"); v != "SIP/2.0/TCP h;branch=b;rport" {
		t.Error(v)
	}
	if c := tcp.contact("t", new([1]sipmsg.Param)).String(); c != "<sip:t@h;transport=tcp>" {
		t.Error(c)
	}
	for _, host := range []string{"192.0.2.1:5060", "192.0.2.1", "h", "h:5060", "[2001:db8::1]:5060", "[2001:db8::1]"} {
		if c := (&Local{Transport: "udp", Host: host}).contact("t", nil).String(); c != "<sip:t@"+host+">" {
			t.Error(c)
		}
	}
}
