package sdp

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

const head = "v=0\no=- 1 1 IN IP4 10.0.0.1\ns=-\nc=IN IP4 10.0.0.1\nt=0 0\n"

func mustParse(t testing.TB, body string) *Session {
	t.Helper()
	s, err := Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestParseRefuses(t *testing.T) {
	for _, test := range []struct {
		name, body string
		line       int
		reason     string
	}{
		{"nothing", "", 0, "empty body"},
		{"blank lines only", "\r\n\r\n", 0, "empty body"},
		{"other version", "v=1\no=- 1 1 IN IP4 1.1.1.1\n", 1, "starts with v=0"},
		{"no version", "o=- 1 1 IN IP4 1.1.1.1\n", 1, "starts with v=0"},
		{"no origin", "v=0\ns=-\n", 0, "no o= line"},
		{"origin below a m-line", "v=0\ns=-\nm=audio 0 RTP/AVP 0\no=- 1 1 IN IP4 1.1.1.1\n", 0, "no o= line"},
		{"short origin", "v=0\no=1 1 IN IP4 1.1.1.1\n", 2, "o= needs"},
		{"blank origin user", "v=0\no= 1 1 IN IP4 1.1.1.1\n", 2, "o= needs"},
		{"no type", head + "audio\n", 6, "x=value"},
		{"space before =", head + "a =x\n", 6, "x=value"},
		{"digit type", head + "1=x\n", 6, "x=value"},
		{"CR inside", head + "a=x\ry\n", 6, "CR inside"},
		{"CR CR LF", head + "a=x\r\r\n", 6, "CR inside"},
		{"NUL", head + "a=x\x00y\n", 6, "NUL"},
		{"empty m-line", head + "m=\n", 6, "m= needs"},
		{"m-line without format", head + "m=audio 1 RTP/AVP \n", 6, "m= needs"},
		{"port word", head + "m=audio x RTP/AVP 0\n", 6, "the port"},
		{"port negative", head + "m=audio -1 RTP/AVP 0\n", 6, "the port"},
		{"port too high", head + "m=audio 65536 RTP/AVP 0\n", 6, "the port"},
		{"no ports", head + "m=audio 1/0 RTP/AVP 0\n", 6, "number of ports"},
		{"ports word", head + "m=audio 1/x RTP/AVP 0\n", 6, "number of ports"},
		{"no address", "v=0\no=- 1 1 IN IP4 1.1.1.1\nm=audio 1 RTP/AVP 0\n", 0, "m-line 1 has no c= line"},
		{"second without address", "v=0\no=- 1 1 IN IP4 1.1.1.1\nm=audio 1 RTP/AVP 0\nc=IN IP4 1.1.1.1\nm=audio 1 RTP/AVP 0\n", 0, "m-line 2 has no c= line"},
	} {
		s, err := Parse([]byte(test.body))
		var pe *ParseError
		if !errors.As(err, &pe) || s != nil {
			t.Errorf("%s: got %v, %v", test.name, s, err)
			continue
		}
		if pe.Line != test.line || !strings.Contains(pe.Reason, test.reason) || !strings.Contains(pe.Error(), test.reason) {
			t.Errorf("%s: got %v, want line %d and %q", test.name, err, test.line, test.reason)
		}
	}
}

func TestParseAccepts(t *testing.T) {
	for name, body := range map[string]string{
		"no m-lines":              head,
		"disabled needs no c=":    "v=0\no=- 1 1 IN IP4 1.1.1.1\nm=audio 0 RTP/AVP 0\n",
		"unknown types":           head + "x=1\nQ=\n",
		"octets that are no text": head + "a=\xff\xfe\n",
		"ids too large":           "v=0\no=- 99999999999999999999999 -1 IN IP4 1.1.1.1\n",
		"name as origin address":  "v=0\no=- 1 1 IN IP4 phone.example.com\n",
	} {
		if _, err := Parse([]byte(body)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLimits(t *testing.T) {
	body := head + "m=audio 1 RTP/AVP 0\nm=audio 3 RTP/AVP 0\n"
	exact := Limits{Bytes: len(body), Lines: 7, Media: 2}
	if _, err := exact.Parse([]byte(body)); err != nil {
		t.Errorf("at the limits: %v", err)
	}
	for want, l := range map[string]Limits{
		"octets": {Bytes: len(body) - 1}, "more than 6 lines": {Lines: 6}, "more than 1 m-lines": {Media: 1},
	} {
		if _, err := l.Parse([]byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", l, err, want)
		}
	}
	many := []byte(head + strings.Repeat("a=x\n", DefaultMaxLines))
	if _, err := Parse(many); err == nil {
		t.Error("the default limit of lines does not hold")
	}
}

func TestJSONKeepsOctets(t *testing.T) {
	s := mustParse(t, head+"a=\xff\xfe<&>\nm=audio 4000 RTP/AVP 0\na=sendonly\n")
	b, err := json.Marshal(struct{ Offer, None *Session }{Offer: s})
	if err != nil {
		t.Fatal(err)
	}
	var back struct{ Offer, None *Session }
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if back.None != nil || !slices.Equal(back.Offer.Bytes(), s.Bytes()) || back.Offer.Media()[0].Address() != s.Media()[0].Address() {
		t.Errorf("got %q, want %q", back.Offer, s)
	}
	for name, text := range map[string]string{"not base64": `"?"`, "not a description": `"eA=="`, "not a string": `1`} {
		if err := new(Session).UnmarshalJSON([]byte(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	var zero Session
	if b, err = json.Marshal(&zero); err != nil || zero.UnmarshalJSON(b) != nil || len(zero.Bytes()) != 0 {
		t.Errorf("zero session: %s, %v", b, err)
	}
}

func TestOrigin(t *testing.T) {
	s := mustParse(t, "v=0\no=SIP\tPhone  X 18446744073709551615 2 IN IP6 ::ffff:10.0.0.1\n")
	if got := s.Origin(); got.Username != "SIP\tPhone  X" || got.ID != 1<<64-1 || got.Version != 2 || got.Address.String() != "10.0.0.1" {
		t.Errorf("read %+v", got)
	}
	for want, o := range map[string]Origin{
		"o=- 0 0 IN IP4 0.0.0.0":                      {},
		"o=- 5 6 IN IP6 2001:db8:ffff::1":             {Username: "a b", ID: 5, Version: 6, Address: relay6},
		"o=me 5 6 IN IP4 192.0.2.1":                   {Username: "me", ID: 5, Version: 6, Address: relay4},
		"o=- 7 6 IN IP4 192.0.2.1":                    {Username: "x\r\na=evil", ID: 7, Version: 6, Address: relay4},
		"o=- 8 6 IN IP6 fe80::1":                      {ID: 8, Version: 6, Address: parseAddr("fe80::1").WithZone("eth0")},
		"o=- 9 18446744073709551615 IN IP4 192.0.2.1": {ID: 9, Version: 1<<64 - 1, Address: relay4},
	} {
		s.SetOrigin(o)
		if got := strings.Split(s.String(), "\r\n")[1]; got != want {
			t.Errorf("wrote %q, want %q", got, want)
		}
	}
	if (&Session{}).Origin() != (Origin{}) {
		t.Error("the zero session has an origin")
	}
}

func TestSessionName(t *testing.T) {
	s := mustParse(t, "v=0\no=- 1 1 IN IP4 1.1.1.1\nt=0 0\n")
	for _, name := range []string{"", "x\ny"} {
		s.SetSessionName(name)
		if s.SessionName() != "-" {
			t.Errorf("SetSessionName(%q) wrote %q", name, s.SessionName())
		}
	}
	if got := s.String(); got != "v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\ns=-\r\nt=0 0\r\n" {
		t.Errorf("s= went to the wrong place: %q", got)
	}
}
