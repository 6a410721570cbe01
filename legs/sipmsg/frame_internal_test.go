package sipmsg

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

// agree fails when sipgo and we read the lines of a message differently. It is
// false when sipgo cannot read it.
func agree(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, datagram []byte,
) bool {
	t.Helper()
	a, theirs, ok := newSipgoFramer().cut(datagram, 100)
	if !ok {
		return false
	}
	b, ours := cut(datagram, 100, nil)
	if a.start != b.start || !slices.Equal(theirs, ours) || !bytes.Equal(a.body, b.body) || b.flaw != "" {
		t.Fatalf("%q\nsipgo %+v %+v\nours  %+v %+v", datagram, a, theirs, b, ours)
	}
	return true
}

func torture(t testing.TB) (messages [][]byte) {
	t.Helper()
	files, err := filepath.Glob("testdata/torture/*.dat")
	if err != nil || len(files) == 0 {
		t.Fatalf("no messages: %v", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, b)
	}
	return messages
}

// FuzzFrame: sipgo's parser and ours, two readings of RFC 3261 §7, agree on every
// message that sipgo can cut.
func FuzzFrame(f *testing.F) {
	for _, b := range torture(f) {
		f.Add(b)
	}
	f.Add([]byte("\r\nOPTIONS sip:h SIP/2.0\r\nX : \va\v\r\n\t\r\n b\r\nv\t:\u00a0h\u00a0\r\n\r\nbody\r\n\r\n"))
	f.Fuzz(func(t *testing.T, datagram []byte) { agree(t, datagram) })
}

// TestFrameTorture: most messages of RFC 4475 are such that sipgo cuts them.
func TestFrameTorture(t *testing.T) {
	n := 0
	for _, b := range torture(t) {
		if agree(t, b) {
			n++
		}
	}
	if n < 40 {
		t.Errorf("compared %d messages", n)
	}
}

// TestFrame: as FuzzFrame, for messages with every known name in every spelling,
// blanks, folds and values of all kinds; and what was put in comes out.
func TestFrame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.Custom(drawLine), 0, 40).Draw(t, "lines")
		text := rapid.SampledFrom([]string{"", "\r\n", "\r\n\r\n"}).Draw(t, "before") +
			rapid.SampledFrom([]string{"INVITE sip:a@h SIP/2.0", "SIP/2.0 200 OK", "SIP/2.0 180 "}).Draw(t, "start") + "\r\n"
		for _, l := range lines {
			text += l.text + "\r\n"
		}
		text += "\r\n" + rapid.SampledFrom([]string{"", "v=0\r\n", "\r\n\r\n"}).Draw(t, "body")
		if !agree(t, []byte(text)) {
			t.Fatalf("sipgo cannot read %q", text)
		}
		_, ours := cut([]byte(text), len(lines), nil)
		for i, l := range lines {
			if ours[i].name != l.name || ours[i].value != l.value {
				t.Fatalf("%q came out as %+v", l.text, ours[i])
			}
		}
	})
}

type drawnLine struct{ text, name, value string }

func drawLine(t *rapid.T) drawnLine {
	l := drawnLine{name: rapid.StringMatching(`X-[A-Za-z0-9.!%*_+'~-]{1,40}`).Draw(t, "name")}
	spelled := l.name
	if rapid.Bool().Draw(t, "known") {
		h := rapid.SampledFrom(names.headers[1:]).Draw(t, "header")
		l.name, spelled = h.name, h.spelled
	}
	spelled = rapid.SampledFrom([]func(string) string{strings.ToUpper, strings.ToLower, strings.Clone}).Draw(t, "case")(spelled)
	if strings.HasPrefix(l.name, "X-") {
		l.name = spelled
	}
	words := rapid.SliceOfN(rapid.StringMatching(`[!-~é]([ -~é\t]{0,20}[!-~é])?`), 0, 4).Draw(t, "words")
	blank := rapid.SampledFrom([]string{"", " ", "\t", " \t "})
	fold := rapid.SampledFrom([]string{"\r\n ", "\r\n\t", " \r\n   ", "\t\r\n \t"}).Draw(t, "fold")
	l.text = spelled + blank.Draw(t, "before") + ":" + blank.Draw(t, "after") + strings.Join(words, fold) + blank.Draw(t, "end")
	l.value = strings.Join(words, " ")
	return l
}

// TestNames: every known name is found in every spelling, by way of few others.
func TestNames(t *testing.T) {
	for _, h := range names.headers[1:] {
		for _, spelled := range []string{h.spelled, strings.ToLower(h.spelled), strings.ToUpper(h.spelled)} {
			if name, f := canonical(spelled); name != h.name || f != h.field {
				t.Errorf("canonical(%q) = %q, %d", spelled, name, f)
			}
		}
		n := 1
		for next := h.next; next != 0; next = names.headers[next].next {
			n++
		}
		if n > 3 {
			t.Errorf("%d names have the hash of %s", n, h.spelled)
		}
	}
	if len(names.headers) > 256 {
		t.Errorf("%d names, and a byte to number them", len(names.headers))
	}
	for _, unknown := range []string{"", "V\x00a", "Viaa", "z", "\xff", "X-Via"} {
		if name, f := canonical(unknown); name != unknown || f != other {
			t.Errorf("canonical(%q) = %q, %d", unknown, name, f)
		}
	}
}

// TestNothingKeepsTheHeader: what a transaction keeps of a message is not a part
// of its header, which it would keep with it.
func TestNothingKeepsTheHeader(t *testing.T) {
	const rest = "\r\nv: SIP/2.0/UDP h\r\nf: <sip:a@h>\r\nt: <sip:b@h>\r\ni: c\r\nCSeq: 1 "
	for _, c := range []struct{ start, method string }{
		{"INVITE sip:h SIP/2.0", "INVITE"}, {"PUBLISH sip:h SIP/2.0", "PUBLISH"}, {"FOO sip:h SIP/2.0", "FOO"}, {"SIP/2.0 200 OK", "BYE"},
	} {
		m, err := Parse([]byte(c.start + rest + c.method + "\r\n\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		if m.Method != c.method || within(m.Method, m.cseqRaw) || within(m.Method, m.RequestURI) {
			t.Errorf("%s: %q is a part of the header", c.start, m.Method)
		}
		if m.Reason != "" && unsafe.StringData(m.Reason) != unsafe.StringData(ReasonPhrase(m.Status)) {
			t.Errorf("%s: %q is a part of the header", c.start, m.Reason)
		}
	}
}

// within reports whether part stands no further than a header away from whole.
func within(part, whole string) bool {
	a, b := uintptr(unsafe.Pointer(unsafe.StringData(part))), uintptr(unsafe.Pointer(unsafe.StringData(whole)))
	return whole != "" && max(a, b)-min(a, b) < 64
}
