package bridge

import (
	"testing"

	"b2bua/legs/sipmsg"
)

func TestReasonCause(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]int{
		"":                                      0,
		"Q.850;cause=16":                        16,
		`q.850 ; text="x" ; Cause=17`:           17,
		"SIP;cause=200, Q.850;cause=26":         26,
		`SIP;cause=200;text="a, Q.850;cause=1"`: 0,
		`Q.850;cause=31;text="a, b"`:            31,
		"SIP;cause=200":                         0,
		"Q.850":                                 0,
		"Q.850;cause=0":                         0,
		"Q.850;cause=128":                       0,
		"Q.850;cause=x":                         0,
		"Q.850;cause=-1":                        0,
		`Q.850;text="cause=3";cause=4`:          4,
		`Q.850;text="a\"b;cause=3";cause = 4`:   4,
		`Q.850;text=";cause=3;";cause=4`:        4,
	} {
		got, ok := reasonCause(reason)
		if got != want || ok != (want != 0) {
			t.Errorf("%q: %d, %v; want %d", reason, got, ok, want)
		}
	}
}

// RFC 3398 §8.2.6.1, and 31 for what it does not list.
func TestCauseOf(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]int{
		401: 21, 403: 21, 407: 21, 603: 21, 404: 1, 485: 1, 604: 1, 405: 63, 501: 63, 406: 88, 488: 88, 606: 88,
		408: 102, 504: 102, 410: 22, 420: 127, 480: 18, 482: 25, 483: 25, 484: 28, 486: 17, 600: 17, 487: 16, 502: 38, 500: 41, 503: 41,
		400: 31, 499: 31, 580: 31,
	} {
		if got := causeOf(status); got != want {
			t.Errorf("%d: %d, want %d", status, got, want)
		}
	}
}

func TestDigits(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"sip:1000@h": "1000", "sip:+33;x=y@h": "+33", "sip:%2B33@h": "+33", "sip:a:secret@h": "a", "sip:h": "",
		"tel:+1-201-555-0123": "+12015550123", "tel:(201)555.0123;phone-context=+1": "2015550123", "tel:*21#": "*21#",
		"sip:%0d%0a@h": "%0d%0a", "sips:x@h": "x", "tel:+33;ext=4": "+33",
	} {
		u, err := sipmsg.ParseURI(uri)
		if err != nil {
			t.Errorf("%s: %v", uri, err)
			continue
		}
		if got := digits(u); got != want {
			t.Errorf("%s: %q, want %q", uri, got, want)
		}
	}
}
