package sipmsg_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"b2bua/legs/sipmsg"
)

func TestParseURI(t *testing.T) {
	for in, want := range map[string]string{
		"sip:bob@example.com":                 "sip|bob||example.com|0|||",
		"SIPS:bob:pw@Example.COM:5061":        "sips|bob|pw|Example.COM|5061|||",
		"sip:example.com":                     "sip|||example.com|0|||",
		"sip:@192.0.2.1":                      "sip|||192.0.2.1|0|||",
		"sip:example.com:5060;Transport=TCP":  "sip|||example.com|5060|;transport=TCP||",
		"sip:h;lr;ttl=1;x=%20?a=b&c=d":        "sip|||h|0|;lr;ttl=1;x=%20|a=b&c=d|",
		"sip:h?a=b;c=d":                       "sip|||h|0||a=b;c=d|",
		"sip:[2001:db8::1]":                   "sip|||2001:db8::1|0|||",
		"sip:a@[2001:db8::1]:5070;lr":         "sip|a||2001:db8::1|5070|;lr||",
		"sip:user;par=u%40x@h;p":              "sip|user;par=u%40x||h|0|;p||",
		"sip:+1;phone-context=+44@h":          "sip|+1;phone-context=+44||h|0|||",
		"sip:a?b@h":                           "sip|a?b||h|0|||",
		"sip:a:b:c@h":                         "sip|a|b:c|h|0|||",
		"sip:#31#5@h":                         "sip|#31#5||h|0|||",
		"sip:zoë@h":                           "sip|zoë||h|0|||",
		"sip:a@h:0":                           "sip|a||h|0|||",
		"sip:a@h;":                            "sip|a||h|0|||",
		"tel:+1-201-555-0123;phone-context=x": "tel||||0|||+1-201-555-0123;phone-context=x",
		"urn:service:sos":                     "urn||||0|||service:sos",
		"Http://example.com/":                 "http||||0|||//example.com/",
	} {
		u, err := sipmsg.ParseURI(in)
		equal(t, in, err, nil)
		got := fmt.Sprintf("%s|%s|%s|%s|%d|%s|%s|%s", u.Scheme, u.User, u.Password, u.Host, u.Port, u.Params, u.Headers, u.Opaque)
		equal(t, in, got, want)
		again, err := sipmsg.ParseURI(u.String())
		equal(t, in+" again", err, nil)
		equal(t, in+" again", again.String(), u.String())
	}
	for _, in := range []string{
		"", "*", "bob", "sip:", ":x", "1a:x", "s p:x", "tel:", "sip:bob@", "sip:a@b@c", "sip::pw@h", "sip:@h;a=@", `sip:"a"@h`,
		"sip:a@h:", "sip:a@h:x", "sip:a@h:65536", "sip:a@h:-1", "sip:a@h:5060:1", "sip:2001:db8::1",
		"sip:[::1", "sip:[::1]x", "sip:[1.2.3.4]", "sip:[fe80::1%25eth0]", "sip:[]", "sip:h h", "sip:h\t", "sip:h<", "sip:h>",
		"sip:a@h\r\nX: y", "sip:a\x00@h", "sip:h;=x", "sip:h;a=\"", "sip:h;a=b\"c\"", "sip:a@/h", "sip:a@h/x",
	} {
		if u, err := sipmsg.ParseURI(in); err == nil {
			t.Errorf("%q accepted as %+v", in, u)
		}
	}
}

func TestParseAddress(t *testing.T) {
	for in, want := range map[string]string{
		`"A. G. Bell" <sip:agb@bell.example.com>;tag=a48s`: `A. G. Bell|sip:agb@bell.example.com|;tag=a48s`,
		`sip:+12125551212@h;tag=887s`:                      `|sip:+12125551212@h|;tag=887s`,
		`Anonymous <sip:c8oqz84zk7z@h>;tag=hyh8`:           `Anonymous|sip:c8oqz84zk7z@h|;tag=hyh8`,
		`<sip:a@h;lr>`:                                     `|sip:a@h;lr|`,
		`""<sip:a@h>`:                                      `|sip:a@h|`,
		`"\"\\" <sip:a@h>`:                                 `"\|sip:a@h|`,
		`"<sip:x@y>, \"" <sip:a@h>`:                        `<sip:x@y>, "|sip:a@h|`,
		`caller<sip:a@h>`:                                  `caller|sip:a@h|`,
		`a b,c <sip:a@h> ; Q = 0.1`:                        `a b,c|sip:a@h|;q=0.1`,
		`<tel:+1;phone-context=x>;a`:                       `|tel:+1;phone-context=x|;a`,
		`sip:a@h;x="<b>;\"";y`:                             `|sip:a@h|;x="<b>;\"";y`,
		`  <sip:a@h>  `:                                    `|sip:a@h|`,
		`*`:                                                `|*|`,
	} {
		a, err := sipmsg.ParseAddress(in)
		equal(t, in, err, nil)
		equal(t, in, a.Display+"|"+a.URI.String()+"|"+a.Params.String(), want)
		equal(t, "as it came", a.String(), strings.TrimSpace(in))
		a.Raw = ""
		again, err := sipmsg.ParseAddress(a.String())
		equal(t, in+" again", err, nil)
		equal(t, in+" again", again.Display, a.Display)
		again.Raw = ""
		equal(t, in+" again", again.String(), a.String())
	}
	for _, in := range []string{
		"", "<", "<>", "<sip:a@h", `"a <sip:a@h>`, `"a" sip:a@h`, `"a" b <sip:a@h>`, `b "a" <sip:a@h>`, "sip:a@h?x=y",
		"sip:a,b@h", "<sip:a@h> x", "<sip:a@h>,<sip:b@h>", "<sip:a@h>;=", "<sip:a@h>;a b", `<sip:a@h>;a="`, "Bob", "<sip:a@h>;a=b,c",
	} {
		if a, err := sipmsg.ParseAddress(in); err == nil {
			t.Errorf("%q accepted as %+v", in, a)
		}
	}
}

func TestParseVia(t *testing.T) {
	for in, want := range map[string]string{
		"SIP/2.0/UDP h":                            "UDP|h|0||h",
		"SIP/2.0/udp h:1;a":                        "UDP|h|1|;a|h:1",
		"sip/2.0/Wss df7jal23ls0d.invalid;rport":   "WSS|df7jal23ls0d.invalid|0|;rport|df7jal23ls0d.invalid",
		"SIP/2.0/TLS-SCTP HOST.example.com":        "TLS-SCTP|HOST.example.com|0||host.example.com",
		"SIP/2.0/UDP [2001:DB8::1];b":              "UDP|2001:DB8::1|0|;b|[2001:db8::1]",
		"SIP/2.0/UDP [::1]:5060;received=[::2]":    "UDP|::1|5060|;received=[::2]|[::1]:5060",
		"SIP\t/ 2.0 /UDP\t h : 5060 ; branch = x ": "UDP|h|5060|;branch=x|h:5060",
	} {
		v, err := sipmsg.ParseVia(in)
		equal(t, in, err, nil)
		equal(t, in, fmt.Sprintf("%s|%s|%d|%s|%s", v.Transport, v.Host, v.Port, v.Params, v.SentBy()), want)
	}
	for _, in := range []string{
		"", "SIP", "SIP/2.0", "SIP/2.0/", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/2.0/UDPh", "HTTP/2.0/UDP h", "SIP/1.0/UDP h", "SIP//UDP h",
		"SIP/2.0/UDP h:", "SIP/2.0/UDP h:99999", "SIP/2.0/UDP h x", "SIP/2.0/UDP 2001:db8::1", "SIP/2.0/UDP h;a=\"", "SIP/2.0/UDP ;a",
		"SIP/2.0/U(P h", "SIP/2.0/UDP h,SIP/2.0/UDP i",
	} {
		if v, err := sipmsg.ParseVia(in); err == nil {
			t.Errorf("%q accepted as %+v", in, v)
		}
	}
	v, _ := sipmsg.ParseVia("SIP/2.0/UDP h;rport=x")
	port, ok := v.RPort()
	equal(t, "rport that is none", port, 0)
	equal(t, "but asked for", ok, true)
}

func TestWithTag(t *testing.T) {
	for in, want := range map[string]string{
		"Bob <sip:b@h> ;x":    "Bob <sip:b@h> ;x;tag=n",
		"sip:b@h":             "sip:b@h;tag=n",
		"<sip:b@h>;TAG=old;x": "<sip:b@h>;tag=n;x",
	} {
		a, _ := sipmsg.ParseAddress(in)
		b := a.WithTag("n")
		equal(t, in, b.String(), want)
		equal(t, in, b.Tag(), "n")
		equal(t, "the old one", a.String(), in)
	}
}

func TestEscapeUser(t *testing.T) {
	for in, want := range map[string]string{
		"":                    "",
		"+33123456789":        "+33123456789",
		"*21#":                "*21%23",
		"a@evil.example;lr":   "a%40evil.example;lr",
		"1 2\r\n3\x00":        "1%202%0D%0A3%00",
		"50%":                 "50%25",
		`"<>:[]`:              "%22%3C%3E%3A%5B%5D",
		"zoë":                 "zo%C3%AB",
		"user-_.!~*'()&=+$,;": "user-_.!~*'()&=+$,;",
	} {
		equal(t, in, sipmsg.EscapeUser(in), want)
	}
	for _, in := range []string{"%", "%4", "%zz", "a%0d", "%00", "%7F", "%+1"} {
		out, ok := sipmsg.UnescapeUser(in)
		equal(t, in, ok, false)
		equal(t, in, out, in)
	}
}

// printable draws text without control characters, ASCII or not.
func printable() *rapid.Generator[string] {
	return rapid.Map(rapid.String(), func(s string) string {
		return strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return -1
			}
			return r
		}, s)
	})
}

func TestEscapesCanBeUndone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := printable().Draw(t, "s")
		u, err := sipmsg.ParseURI("sip:" + sipmsg.EscapeUser(s) + "@example.com;user=phone")
		if err != nil || u.Host != "example.com" || len(u.Params) != 1 {
			t.Fatalf("%+v, %v", u, err)
		}
		if back, ok := sipmsg.UnescapeUser(u.User); !ok || back != s {
			t.Fatalf("user %q came back as %q", s, back)
		}
		if back := sipmsg.Unquote(sipmsg.Quote(s)); back != s {
			t.Fatalf("display %q came back as %q", s, back)
		}
		a, err := sipmsg.ParseAddress(sipmsg.Quote(s) + "<sip:h>")
		if err != nil || a.Display != s || a.URI.Host != "h" {
			t.Fatalf("%q: %+v, %v", s, a, err)
		}
	})
}

// params draws a list with distinct names in lower case.
func params() *rapid.Generator[sipmsg.Params] {
	param := rapid.Custom(func(t *rapid.T) sipmsg.Param {
		p := sipmsg.Param{Name: rapid.StringMatching(`[a-z0-9.!%*_+'~-]{1,8}`).Draw(t, "name")}
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 1:
			p.Value = rapid.StringMatching(`[A-Za-z0-9.!%*_+'~:\[\]@=/-]{1,12}`).Draw(t, "value")
		case 2:
			p.Value = sipmsg.Quote(printable().Draw(t, "text"))
		}
		return p
	})
	return rapid.Custom(func(t *rapid.T) sipmsg.Params {
		return rapid.SliceOfNDistinct(param, 0, 8, func(p sipmsg.Param) string { return p.Name }).Draw(t, "params")
	})
}

// TestParams: a list written and read is the same list, wherever blanks and
// empty parameters were put and however the names were spelled.
func TestParams(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := params().Draw(t, "want")
		text := "<sip:h>"
		for _, p := range want {
			blank := func() string { return rapid.SampledFrom([]string{"", "", " ", "\t "}).Draw(t, "blank") }
			name := p.Name
			if rapid.Bool().Draw(t, "upper") {
				name = strings.ToUpper(name)
			}
			text += blank() + rapid.SampledFrom([]string{";", ";", ";;", "; ;"}).Draw(t, "semicolon") + blank() + name
			if p.Value != "" {
				text += blank() + "=" + blank() + p.Value
			}
		}
		a, err := sipmsg.ParseAddress(text)
		if err != nil || a.Params.String() != want.String() {
			t.Fatalf("%s\n got %s\nwant %s\n%v", text, a.Params, want, err)
		}
		for _, p := range want {
			if v, ok := a.Params.Get(strings.ToUpper(p.Name)); !ok || v != p.Value {
				t.Fatalf("%s = %q, %v", p.Name, v, ok)
			}
		}
	})
}

// TestParamsWith: the laws of With and Without, against a list that is not theirs.
func TestParamsWith(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := params().Draw(t, "params")
		before := p.String()
		name := rapid.StringMatching(`[a-z]{1,2}`).Draw(t, "name")
		if len(p) > 0 && rapid.Bool().Draw(t, "there") {
			name = p[rapid.IntRange(0, len(p)-1).Draw(t, "i")].Name
		}
		had := p.Has(name)
		with := p.With(strings.ToUpper(name), "v")
		if v, ok := with.Get(name); !ok || v != "v" {
			t.Fatalf("With: %q, %v", v, ok)
		}
		if had && len(with) != len(p) || !had && len(with) != len(p)+1 {
			t.Fatalf("With: %d of %d parameters", len(with), len(p))
		}
		without := with.Without(strings.ToUpper(name))
		if without.Has(name) || without.String() != p.Without(name).String() {
			t.Fatalf("Without: %s", without)
		}
		if p.String() != before {
			t.Fatalf("the list itself was changed: %s", p)
		}
	})
}
