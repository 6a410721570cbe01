package sdp

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	pion "github.com/pion/sdp/v3"
)

// wellFormed reports whether the lines of fixed form have as many fields as
// they should: pion does not mind where such a line ends and reads on in it.
func wellFormed(s *Session) bool {
	fields := map[byte]int{'v': 1, 'o': 6, 'c': 3, 't': 2, 'r': -1, 'z': -1}
	lines := slices.Clone(s.lines)
	for _, m := range s.media {
		lines = append(lines, m.lines...)
	}
	return !slices.ContainsFunc(lines, func(line string) bool {
		want, fixed := fields[line[0]]
		return fixed && (len(strings.Fields(line[2:])) != want || len(strings.Split(line[2:], " ")) != want && want > 0)
	})
}

// compareWithPion fails when both parsers accept body and read it differently.
// It returns false when pion does not accept it or nothing can be compared.
func compareWithPion(t testing.TB, body []byte, s *Session) bool {
	t.Helper()
	var theirs pion.SessionDescription
	if err := theirs.Unmarshal(body); err != nil || !wellFormed(s) {
		return false
	}
	if len(theirs.MediaDescriptions) != len(s.Media()) {
		t.Errorf("pion reads %d m-lines, we %d in %q", len(theirs.MediaDescriptions), len(s.Media()), body)
		return true
	}
	o := s.Origin()
	if o.ID != theirs.Origin.SessionID || o.Version != theirs.Origin.SessionVersion || o.Address != parseAddr(theirs.Origin.UnicastAddress) {
		t.Errorf("pion reads origin %+v, we %+v in %q", theirs.Origin, o, body)
	}
	for i, m := range s.Media() {
		md := theirs.MediaDescriptions[i]
		want := fmt.Sprintf("%s %d %s %q", md.MediaName.Media, md.MediaName.Port.Value, strings.Join(md.MediaName.Protos, "/"), md.MediaName.Formats)
		if got := fmt.Sprintf("%s %d %s %q", m.Kind(), m.Port(), m.Proto(), m.Formats()); got != want {
			t.Errorf("m-line %d: pion reads %s, we %s in %q", i, want, got, body)
		}
		c := md.ConnectionInformation
		if c == nil {
			c = theirs.ConnectionInformation
		}
		host := ""
		if c != nil && c.Address != nil {
			host, _, _ = strings.Cut(c.Address.Address, "/")
		}
		// Of several c= lines (layered multicast) pion keeps the last, we the first.
		several := len(slices.DeleteFunc(slices.Clone(m.lines), func(l string) bool { return l[0] != 'c' })) > 1
		if m.Address() != parseAddr(host) && !several {
			t.Errorf("m-line %d: pion reads address %q, we %s in %q", i, host, m.Address(), body)
		}
		for _, name := range []string{"rtcp", "mid", "rtcp-mux"} {
			// pion keeps blanks at the end of a line, and takes a line that
			// begins with a colon as a name; neither is an address.
			their, has := md.Attribute(name)
			if our, have := m.Attribute(name); has && (!have || our != strings.TrimRight(their, blank)) {
				t.Errorf("m-line %d: pion reads a=%s %q, we %q, %t in %q", i, name, their, our, have, body)
			}
		}
	}
	return true
}

// TestPionAgrees compares the corpus, and what becomes of it, with pion's
// reading. pion knows no m=image, no blank in a user name and no lines out of
// order, hence the count.
func TestPionAgrees(t *testing.T) {
	files, err := filepath.Glob("testdata/*.sdp")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s := mustParse(t, string(body))
		out := relayed(s, relay4, true)
		if compareWithPion(t, s.Bytes(), s) {
			compared++
			if !compareWithPion(t, out.Bytes(), out) {
				t.Errorf("%s: pion reads what came, but not what leaves: %s", file, out)
			}
		}
	}
	if compared < 6 {
		t.Errorf("pion accepts only %d of %d files", compared, len(files))
	}
}
