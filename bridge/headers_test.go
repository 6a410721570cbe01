package bridge_test

import (
	"slices"
	"strings"
	"testing"

	"b2bua/cdr"
	"b2bua/legs/sipmsg"
	"b2bua/policy"
)

// spoken is everything a caller might say in headers.
var spoken = []sipmsg.Header{
	{Name: "Privacy", Value: "id"},
	{Name: "Reason", Value: "SIP;cause=302"},
	{Name: "Subject", Value: "lunch, at noon"},
	{Name: "Accept-Language", Value: "fr, en;q=0.5"},
	{Name: "Alert-Info", Value: "<urn:alert:source:external>"},
	{Name: "User-to-User", Value: "56a390f3;encoding=hex"},
	{Name: "P-Asserted-Identity", Value: `"Ann" <sip:+33100@pbx.example>, <tel:+33100>`},
	{Name: "Remote-Party-ID", Value: `"Ann" <sip:+33100@pbx.example>;party=calling;screen=yes`},
	{Name: "Diversion", Value: "<sip:200@pbx.example>;reason=unconditional"},
	{Name: "P-Preferred-Identity", Value: "<sip:+33100@pbx.example>"},
	{Name: "User-Agent", Value: "callers-agent/2"},
	{Name: "Supported", Value: "100rel, timer"},
	{Name: "Session-Expires", Value: "90"},
	{Name: "Authorization", Value: `Digest username="1000", realm="x", nonce="n", uri="sip:x", response="0"`},
	{Name: "Proxy-Authorization", Value: `Digest username="1000", realm="x", nonce="n", uri="sip:x", response="0"`},
	{Name: "History-Info", Value: "<sip:200@callers-host>;index=1"},
	{Name: "Call-Info", Value: "<http://callers-host/x>;purpose=icon"},
	{Name: "Warning", Value: `399 callers-host "x"`},
	{Name: "X-Secret", Value: "callers-host"},
	{Name: "Date", Value: "Thu, 01 Jan 1970 00:00:00 GMT"},
}

func says(list []sipmsg.Header) edit {
	return func(m *sipmsg.Message) { m.Headers = append(m.Headers, list...) }
}

// crossed lists which of the headers of spoken a message has, but for our own.
func crossed(m *sipmsg.Message) (list []string) {
	for _, h := range m.Headers {
		if h.Name != "User-Agent" && h.Name != "Server" && h.Name != "Allow" {
			list = append(list, h.Name)
		}
	}
	return list
}

func TestHeadersThatPass(t *testing.T) {
	t.Parallel()
	always := []string{"Privacy", "Reason", "Subject", "Accept-Language", "Alert-Info", "User-to-User"}
	identity := []string{"P-Asserted-Identity", "Remote-Party-ID", "Diversion"}
	trust := func(pbx, carrier bool) option {
		return func(c *config) { c.pbx().HeaderPolicy.Trusted, c.carrier().HeaderPolicy.Trusted = pbx, carrier }
	}
	for name, tt := range map[string]struct {
		options []option
		want    []string
	}{
		"by default":              {nil, always},
		"only the caller trusted": {[]option{trust(true, false)}, always},
		"only the called trusted": {[]option{trust(false, true)}, always},
		"both trusted":            {[]option{trust(true, true)}, append(slices.Clone(always), identity...)},
		"passed by rule": {
			[]option{func(c *config) {
				c.carrier().HeaderPolicy.Pass = []string{"date", "Session-Expires", "Warning", "P-Asserted-Identity"}
			}},
			append(slices.Clone(always), "Date"), // a rule moves what is one leg's own no further, and trusts nobody
		},
		"removed by rule": {
			[]option{trust(true, true), func(c *config) {
				c.carrier().HeaderPolicy.Remove = []string{"SUBJECT", "Diversion", "Reason"}
			}},
			[]string{"Privacy", "Accept-Language", "Alert-Info", "User-to-User", "P-Asserted-Identity", "Remote-Party-ID"},
		},
		"the caller's rules are not the called's": {
			[]option{func(c *config) {
				c.pbx().HeaderPolicy.Pass = []string{"Date"}
				c.pbx().HeaderPolicy.Remove = []string{"Subject"}
			}}, always,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 1, tt.options...)
			d := r.invite(says(spoken))
			if got := crossed(d.got); !slices.Equal(got, tt.want) {
				t.Errorf("crossed %v, want %v", got, tt.want)
			}
			if d.got.Header("User-Agent") != "b2bua" || len(d.got.HeaderValues("User-Agent")) != 1 {
				t.Errorf("User-Agent %q", d.got.HeaderValues("User-Agent"))
			}
			d.says(486, nil)
			d.hears("486")
			r.record()
		})
	}
}

// The same rules the other way, by the caller's trunk.
func TestHeadersThatPassBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1, func(c *config) {
		c.pbx().HeaderPolicy = policy.HeaderPolicy{Trusted: true, Pass: []string{"Date"}, Remove: []string{"Subject", "Reason"}}
		c.carrier().HeaderPolicy = policy.HeaderPolicy{Trusted: true, Pass: []string{"Call-Info"}}
	})
	theirs := says([]sipmsg.Header{
		{Name: "Subject", Value: "x"},
		{Name: "Date", Value: "Thu, 01 Jan 1970 00:00:00 GMT"},
		{Name: "User-to-User", Value: "1"},
		{Name: "P-Asserted-Identity", Value: "<sip:+33123456789@" + r.gates[0].Addr().String() + ";user=phone>"},
		{Name: "Call-Info", Value: "<http://callees-host/>"},
		{Name: "Retry-After", Value: "5"},
		{Name: "Reason", Value: "Q.850;cause=17"},
	})
	want := []string{"Date", "User-to-User", "P-Asserted-Identity"}
	d := r.invite()
	d.says(180, nil, theirs)
	if m := d.hears("180"); !slices.Equal(crossed(m), want) || m.Header("P-Asserted-Identity") != "<sip:+33123456789@"+r.ip(serverIP)+";user=phone>" {
		t.Errorf("180: %v", m.Headers)
	}
	d.answers(gateSDP(d.gate), theirs)
	if got := crossed(d.answer); !slices.Equal(got, want) {
		t.Errorf("200: %v", got)
	}
	if bye := d.calledBye(sipmsg.Header{Name: "Reason", Value: "Q.850;cause=31"}); bye.Header("Reason") != "" {
		t.Errorf("BYE: Reason %q although a rule removes it", bye.Header("Reason"))
	}
	if rec := r.record(); *rec.Q850Cause != 31 {
		t.Errorf("cause %d", *rec.Q850Cause)
	}
	d = r.invite()
	d.says(480, nil, theirs)
	if m := d.hears("480"); !slices.Equal(crossed(m), append(want, "Retry-After")) {
		t.Errorf("480: %v", m.Headers)
	}
	r.record()
}

// The rule of the trunk a BYE or CANCEL goes to removes its Reason.
func TestReasonRemovedTowardsCalled(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1, func(c *config) { c.carrier().HeaderPolicy.Remove = []string{"reason"} })
	reason := sipmsg.Header{Name: "Reason", Value: "Q.850;cause=31"}
	if bye := r.call().callerBye(reason); bye.Header("Reason") != "" {
		t.Errorf("BYE: Reason %q", bye.Header("Reason"))
	}
	r.record()
	d := r.invite()
	d.says(180, nil)
	d.hears("180")
	d.cancels(reason)
	if m := d.cancelled(); m.Header("Reason") != "" {
		t.Errorf("CANCEL: Reason %q", m.Header("Reason"))
	}
	r.record()
}

// Privacy (RFC 3323, RFC 3325): obeyed towards whom we do not trust; those we
// trust are told, with the wish, and obey it themselves.
func TestPrivacy(t *testing.T) {
	t.Parallel()
	const anonymous = `"Anonymous" <sip:anonymous@anonymous.invalid>`
	all := []string{"Privacy", "Subject", "User-to-User"}
	for name, tt := range map[string]struct {
		privacy string
		trusted bool
		hidden  bool // From
		want    []string
	}{
		"none asked":           {"", false, false, all[1:]},
		"id":                   {"id", false, false, all},
		"user":                 {"user", false, true, all[:1]},
		"header":               {"header", false, false, all[:1]},
		"user;id":              {"user;id", false, true, all[:1]},
		"commas":               {"User, header", false, true, all[:1]},
		"critical":             {"user;critical", false, true, all[:1]},
		"none":                 {"none", false, false, all},
		"unknown":              {"bogus", false, false, all},
		"session":              {"session", false, false, all},
		"user, trusted":        {"user;id", true, false, append(slices.Clone(all), "P-Asserted-Identity")},
		"trusted, none asked ": {"", true, false, append(slices.Clone(all[1:]), "P-Asserted-Identity")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 1, func(c *config) {
				c.pbx().HeaderPolicy.Trusted, c.carrier().HeaderPolicy.Trusted = tt.trusted, tt.trusted
			})
			list := []sipmsg.Header{
				{Name: "Privacy", Value: tt.privacy},
				{Name: "Subject", Value: "x"},
				{Name: "User-to-User", Value: "1"},
				{Name: "P-Asserted-Identity", Value: "<tel:+331>"},
			}
			if tt.privacy == "" {
				list = list[1:]
			}
			d := r.invite(says(list))
			if got := crossed(d.got); !slices.Equal(got, tt.want) {
				t.Errorf("crossed %v, want %v", got, tt.want)
			}
			if from := d.got.From.Raw; strings.HasPrefix(from, anonymous+";tag=") != tt.hidden || tt.hidden && strings.Contains(from, "1000") {
				t.Errorf("From %s", from)
			}
			d.says(486, nil)
			d.hears("486")
			r.record()
		})
	}
}

// What cannot be done and is critical is refused (RFC 3323 §5).
func TestCriticalPrivacy(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	r.send(with("Privacy", "bogus;critical")).hears("500")
	rec := r.ends(cdr.EndRejected, cdr.BySystem, 500)
	if rec.Received.Privacy != "bogus;critical" || len(rec.Attempts) != 0 {
		t.Errorf("%+v", rec)
	}
	r.gates[0].Silent()
}

// Between trusted trunks an identity passes, but not where it lives.
func TestIdentitiesHideAddresses(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1, func(c *config) {
		c.pbx().HeaderPolicy.Trusted, c.carrier().HeaderPolicy.Trusted = true, true
	})
	at := r.caller.Addr().String()
	for in, out := range map[string]string{
		`"Ann, B." <sip:+33100@` + at + `>`:                `"Ann, B." <sip:+33100@` + r.ip(serverIP) + `>`,
		`<sip:+33100@` + at + `;user=phone>, <tel:+33100>`: `<sip:+33100@` + r.ip(serverIP) + `;user=phone>, <tel:+33100>`,
		`<sip:ann@pbx.example>`:                            `<sip:ann@pbx.example>`,
		`<sip:+33100@[2001:db8::1]:5070>`:                  `<sip:+33100@` + r.ip(serverIP) + `>`,
		`<tel:+33100;phone-context=pbx.example>`:           `<tel:+33100;phone-context=pbx.example>`,
		`"callers-host <sip:unfinished@` + at:              "",
	} {
		d := r.invite(with("P-Asserted-Identity", in))
		if got := d.got.Header("P-Asserted-Identity"); got != out {
			t.Errorf("%s became %q, want %q", in, got, out)
		}
		d.says(486, nil)
		d.hears("486")
		if rec := r.record(); rec.Received.PAssertedIdentity != in {
			t.Errorf("CDR: %q", rec.Received.PAssertedIdentity)
		}
	}
}

// Numbers and names as they come and as they go.
func TestNumbersAndNames(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	for _, tt := range []struct {
		uri, from              string // as sent; HOST is the server
		called, caller, header string // as routed; From without its tag
	}{
		{"sip:+33123@HOST", "<sip:+33100@phone.invalid>", "+33123", "+33100", "<sip:+33100@OURS>"},
		{"sip:%2B33123@HOST;user=phone", "<sip:%2b33100@phone.invalid>", "+33123", "+33100", "<sip:+33100@OURS>"},
		{"sip:33123;phone-context=x@HOST", `"Ann" <sip:ann@phone.invalid>`, "33123", "ann", `"Ann" <sip:ann@OURS>`},
		{"tel:+33-123.(45)", "<tel:+33-100;ext=2>", "+3312345", "+33100", "<sip:+33100@OURS>"},
		{"sip:a%20b%40c@HOST", `"a \"b\" \\c; <d>" <sip:x%3By@phone.invalid>`, "a b@c", "x;y", `"a \"b\" \\c; <d>" <sip:x;y@OURS>`},
		{"sip:%23%2A21@HOST", "Ann B <sip:*21@phone.invalid>", "#*21", "*21", `"Ann B" <sip:*21@OURS>`},
		{"sip:HOST", "<sip:phone.invalid>", "", "", "<sip:OURS>"},
		{"sip:é@HOST", `"Zoë" <sip:zo%C3%AB@phone.invalid>`, "é", "zoë", `"Zoë" <sip:zo%C3%AB@OURS>`},
	} {
		d := r.invite(func(m *sipmsg.Message) {
			m.RequestURI = strings.ReplaceAll(tt.uri, "HOST", r.server.String())
			m.URI = sipmsg.URI{}
			m.From = r.caller.Address(tt.from + ";tag=callers-tag-1")
		})
		want := strings.ReplaceAll(tt.header, "OURS", r.ip(serverIP)) + ";tag="
		if got := d.got.From.Raw; !strings.HasPrefix(got, want) {
			t.Errorf("From %s became %s, want %s…", tt.from, got, want)
		}
		if got, ok := sipmsg.UnescapeUser(d.got.URI.User); !ok || got != tt.called || d.got.URI.Host != r.ip(gateIP) {
			t.Errorf("%s became %s", tt.uri, d.got.RequestURI)
		}
		d.says(486, nil)
		d.hears("486")
		rec := r.record()
		if rec.Called != tt.called || rec.Caller != tt.caller || rec.Received.Called != tt.called || rec.Received.Caller != tt.caller ||
			rec.Attempts[0].Sent.Called != tt.called || rec.Attempts[0].Sent.Caller != tt.caller {
			t.Errorf("%s from %s: CDR %q to %q", tt.uri, tt.from, rec.Caller, rec.Called)
		}
	}
}
