package sipmsg_test

import (
	"errors"
	"path/filepath"
	"reflect"
	"testing"

	"b2bua/legs/sipmsg"
)

// FuzzParse: never panics; what is accepted can be written, and read and written
// again without a change; a refusal that has an answer can be answered.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/torture/*.dat")
	for _, file := range files {
		f.Add(readFile(f, file))
	}
	f.Add(carrierINVITE)
	f.Add(carrierOK)
	f.Add(invite)
	f.Add(options("X-A: 1\nVia: SIP/2.0/UDP evil", "X-B: \v1\r\n \t2", "x-c\x0b: y", "m: *"))
	f.Fuzz(func(t *testing.T, datagram []byte) {
		m, err := sipmsg.Parse(datagram)
		if err != nil {
			var e *sipmsg.Error
			if m != nil || !errors.As(err, &e) || e.Status < 400 || e.Reason == "" {
				t.Fatalf("%v with %v", m, err)
			}
			if e.Message == nil {
				return
			}
			if _, err := sipmsg.NewResponse(e.Message, e.Status, e.Reason, "tag").Bytes(); err != nil {
				t.Fatalf("answer to %v: %v", e, err)
			}
			return
		}
		first, err := m.Bytes()
		if err != nil {
			t.Fatalf("accepted, but cannot be written: %v", err)
		}
		if len(first) > 65535 {
			return // compact names grew
		}
		m, err = sipmsg.Parse(first)
		if err != nil {
			t.Fatalf("written, but refused: %v\n%q", err, first)
		}
		if second, err := m.Bytes(); err != nil || string(second) != string(first) {
			t.Fatalf("%v\n%q\n%q", err, first, second)
		}
		if m.IsRequest() {
			if _, err := sipmsg.NewResponse(m, 200, "", "tag").Bytes(); err != nil {
				t.Fatalf("response: %v", err)
			}
		}
	})
}

// FuzzParseURI: what is accepted reads the same after it was written.
func FuzzParseURI(f *testing.F) {
	for _, s := range []string{
		"sip:bob:pw@example.com:5060;transport=udp;lr?a=b", "sips:[2001:db8::1]:5061", "tel:+1;ext=2", "*", "sip:a;b@c;d=\"e;\\\"\"",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := sipmsg.ParseURI(s)
		if err != nil {
			return
		}
		if again, err := sipmsg.ParseURI(u.String()); err != nil || !reflect.DeepEqual(again, u) {
			t.Fatalf("%q: %v\n%#v\n%#v", s, err, u, again)
		}
	})
}

// FuzzParseAddress: what is accepted reads the same after it was written anew.
func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{
		`"A \"B\" <" <sip:a@h;x=y>;tag=1;z="q, r"`, "sip:a@h;tag=1", "Bell, A. <tel:+1>", "*", `<sip:a@h?b=c> ; d = "e"`, "a<sip:h>;;",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := sipmsg.ParseAddress(s)
		if err != nil {
			return
		}
		raw, err := sipmsg.ParseAddress(a.String())
		if err != nil || !reflect.DeepEqual(raw, a) {
			t.Fatalf("%q as it came: %v\n%#v\n%#v", s, err, a, raw)
		}
		a.Display = sipmsg.Unquote(sipmsg.Quote(a.Display)) // without its control characters
		a.Raw = ""
		again, err := sipmsg.ParseAddress(a.String())
		again.Raw = ""
		if err != nil || !reflect.DeepEqual(again, a) {
			t.Fatalf("%q: %v\n%#v\n%#v", s, err, a, again)
		}
	})
}

// FuzzParseVia: what is accepted reads the same after it was written anew.
func FuzzParseVia(f *testing.F) {
	for _, s := range []string{"SIP/2.0/UDP h:5060;branch=z9hG4bK;rport", "SIP / 2.0 / tls [::1] : 5061 ; a = \"b;\"", "SIP/2.0/TCP a;;b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := sipmsg.ParseVia(s)
		if err != nil {
			return
		}
		v.Raw = ""
		again, err := sipmsg.ParseVia(v.String())
		again.Raw = ""
		if err != nil || !reflect.DeepEqual(again, v) {
			t.Fatalf("%q: %v\n%#v\n%#v", s, err, v, again)
		}
	})
}
