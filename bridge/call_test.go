package bridge_test

import (
	"strings"
	"testing"

	"b2bua/cdr"
	"b2bua/legs/sipmsg"
)

func TestAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	d := r.invite()
	if len(d.got.Vias) != 1 || len(d.got.Contacts) != 1 || len(d.got.RecordRoutes)+len(d.got.Routes) != 0 {
		t.Errorf("not an INVITE of our own: %+v", d.got)
	}
	if d.got.MaxForwards != 69 || d.got.URI.User != called || d.got.To.URI.User != called || d.got.From.URI.User != "1000" {
		t.Errorf("INVITE %s from %s, Max-Forwards %d", d.got.RequestURI, d.got.From.Raw, d.got.MaxForwards)
	}
	if host := d.got.From.URI.Host; host != r.ip(serverIP) {
		t.Errorf("From host %s", host)
	}
	if a := parse(t, d.got.Body).Media()[0].RTPAddress().Addr().String(); a != r.ip(relayIP) {
		t.Errorf("the offer points at %s", a)
	}
	d.says(180, nil)
	ringing := d.hears("180")
	d.answers(gateSDP(d.gate))
	if tag := d.answer.To.Tag(); tag == "" || tag != ringing.To.Tag() {
		t.Errorf("To tags %q and %q of one dialog", ringing.To.Tag(), tag)
	}
	if a := parse(t, d.answer.Body).Media()[0].RTPAddress().Addr().String(); a != r.ip(relayIP) {
		t.Errorf("the answer points at %s", a)
	}
	if n := r.bridge.Live(); n != 1 {
		t.Errorf("%d live calls", n)
	}
	d.callerBye()
	r.ends(cdr.EndCompleted, cdr.ByCaller, 200)
	if n := r.journal.count(cdr.Answered); n != 1 {
		t.Errorf("%d answer records", n)
	}
}

func TestCalledHangsUp(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	r.call().calledBye()
	r.ends(cdr.EndCompleted, cdr.ByCalled, 200)
}

// Both hang up before either has heard of it.
func TestHangupsCross(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	d := r.call()
	theirs := d.gate.UASRequest("BYE", 1, d.got, d.ok)
	r.caller.Send(r.server, r.caller.Request("BYE", 2, d.invite, d.answer))
	r.caller.Expect("200 BYE")
	ours := d.gate.Expect("BYE")
	d.gate.Send(r.inner, theirs)
	d.gate.Expect("200 BYE")
	d.gate.Send(r.inner, d.gate.Respond(ours, 200, "", nil))
	r.ends(cdr.EndCompleted, cdr.ByCaller, 200)
	r.caller.Silent()
}

// A Reason header passes with a BYE, in both directions and with every value.
func TestReasonOfBye(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	reason := sipmsg.Header{Name: "Reason", Value: `Q.850;cause=31;text="normal, unspecified"`}
	also := sipmsg.Header{Name: "Reason", Value: "SIP;cause=200"}
	want := reason.Value + ", " + also.Value
	if bye := r.call().callerBye(reason, also); bye.Header("Reason") != want {
		t.Errorf("from the caller: Reason %q", bye.Header("Reason"))
	}
	if rec := r.record(); *rec.Q850Cause != 31 {
		t.Errorf("cause %d", *rec.Q850Cause)
	}
	if bye := r.call().calledBye(reason, also); bye.Header("Reason") != want {
		t.Errorf("from the called: Reason %q", bye.Header("Reason"))
	}
	if rec := r.record(); *rec.Q850Cause != 31 {
		t.Errorf("cause %d", *rec.Q850Cause)
	}
}

// No reason is made up.
func TestNoReasonOfBye(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	if bye := r.call().callerBye(); bye.Header("Reason") != "" {
		t.Errorf("Reason %q", bye.Header("Reason"))
	}
	if rec := r.record(); *rec.Q850Cause != 16 {
		t.Errorf("cause %d", *rec.Q850Cause)
	}
}

// Statuses that end the call for good, as the caller hears them.
func TestRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2)
	for _, tt := range []struct {
		says  int
		hears string
	}{
		{404, "404"},
		{484, "484"},
		{486, "486"},
		{487, "487"},
		{488, "488"},
		{600, "600"},
		{603, "603"},
		{606, "606"},
		{401, "403"},
		{407, "403"}, // answered with credentials, one day; never hunted
		{302, "480"},
		{420, "500"},
	} {
		d := r.invite()
		d.says(tt.says, nil, with("WWW-Authenticate", `Digest realm="callees-host", nonce="1"`), with("Warning", `399 callees-host "x"`))
		m := d.hears(tt.hears)
		if len(m.Contacts) != 0 || m.Header("WWW-Authenticate") != "" || m.Reason != sipmsg.ReasonPhrase(m.Status) {
			t.Errorf("after %d the caller hears %+v", tt.says, m)
		}
		rec := r.record()
		if *rec.SIPStatus != m.Status || *rec.Attempts[0].SIPStatus != tt.says || *rec.HungUpBy != cdr.ByCalled || *rec.EndReason != cdr.EndRejected {
			t.Errorf("after %d: CDR %d, attempt %d, %s by %s", tt.says, *rec.SIPStatus, *rec.Attempts[0].SIPStatus, *rec.EndReason, *rec.HungUpBy)
		}
	}
	r.gates[1].Silent()
}

// What a refusal says about the called party passes; what it says about the
// gateway does not.
func TestHeadersOfRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1, func(c *config) { c.carrier().HuntOn = []string{"408"} })
	for _, tt := range []struct {
		status int
		after  string
	}{{486, "120"}, {480, "120"}, {404, "120"}, {600, "120"}, {603, "120"}, {503, ""}, {500, ""}} {
		d := r.invite()
		d.says(tt.status, nil, with("Retry-After", "120"), with("Reason", "Q.850;cause=19"), with("User-to-User", "56;encoding=hex"), with("X-Internal", "1"))
		m := d.hears(number(&tt.status))
		if m.Header("Retry-After") != tt.after || m.Header("Reason") != "Q.850;cause=19" || m.Header("User-to-User") == "" || m.Header("X-Internal") != "" {
			t.Errorf("%d: %+v", tt.status, m.Headers)
		}
		if rec := r.record(); *rec.Q850Cause != 19 {
			t.Errorf("%d: cause %d", tt.status, *rec.Q850Cause)
		}
	}
}

// The caller's own progress through 18x: statuses and headers pass, bodies that
// are no descriptions do not.
func TestProgress(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	d := r.invite()
	d.says(181, nil)
	d.hears("181")
	d.says(180, nil, with("Alert-Info", "<urn:alert:tone:internal>"))
	if m := d.hears("180"); m.Header("Alert-Info") != "<urn:alert:tone:internal>" || len(m.Body) > 0 {
		t.Errorf("180: %+v", m)
	}
	d.says(182, nil, body("application/x-callees-host", []byte("queued")))
	if m := d.hears("182"); len(m.Body) > 0 {
		t.Errorf("182 with a body: %s", m.Body)
	}
	d.says(199, nil)
	d.says(486, nil)
	d.hears("486")
	r.ends(cdr.EndRejected, cdr.ByCalled, 486)
}

// Headers of the 200 pass although the record is written in between.
func TestHeadersOfAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	d := r.invite()
	d.answers(gateSDP(d.gate), with("User-to-User", "56a390;encoding=hex"))
	if v := d.answer.Header("User-to-User"); v != "56a390;encoding=hex" {
		t.Errorf("User-to-User %q", v)
	}
	if v := d.answer.Header("Server"); v != "b2bua" || !strings.Contains(d.answer.Header("Allow"), "INVITE") {
		t.Errorf("Server %q, Allow %q", v, d.answer.Header("Allow"))
	}
	d.callerBye()
	r.record()
}

// A gateway's URI is the Request-URI, with the number and without what is no part
// of an address; To has no parameters (RFC 3261 §19.1.1).
func TestGatewayURI(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	gate := r.gates[0].Addr().String()
	r.config.carrier().Gateways[0].URI = "sip:" + gate + ";transport=udp"
	r.engine.Swap(r.compile())
	d := r.invite()
	if d.got.RequestURI != "sip:"+called+"@"+gate+";transport=udp" || d.got.To.Raw != "<sip:"+called+"@"+gate+">" {
		t.Errorf("INVITE %s, To %s", d.got.RequestURI, d.got.To.Raw)
	}
	d.says(486, nil)
	d.hears("486")
	r.record()
}

// A call that is up keeps nothing of how it came about but its record.
func TestAnsweredCallKeepsLittle(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2)
	d := r.invite()
	d.says(503, nil)
	d.hunted(1).answers(gateSDP(d.gate))
	list, err := r.bridge.List(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	if kept, err := r.bridge.Keeps(list[0].CallID); err != nil || len(kept) > 0 {
		t.Errorf("kept %v, %v", kept, err)
	}
	d.callerBye()
	r.record()
}
