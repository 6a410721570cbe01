package sipmsg_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"b2bua/legs/sipmsg"
)

// tortureVerdicts is what becomes of each message of RFC 4475 at this door: "ok"
// or the refusal, with "dropped" when there is no answer. What is ok here may
// still be refused upstairs (a Require nobody knows, Max-Forwards 0).
var tortureVerdicts = map[string]string{
	// §3.1.1: valid
	"wsinv":      "ok",
	"intmeth":    "400 Control Character in Header, dropped", // a NUL in To: it never leaves, so it does not enter
	"esc01":      "ok",
	"escnull":    "ok", // %00 stays escaped
	"esc02":      "ok",
	"lwsdisp":    "ok",
	"longreq":    "ok",
	"dblreq":     "ok", // the second request is beyond Content-Length
	"semiuri":    "ok",
	"transports": "ok",
	"mpart01":    "ok",
	"unreason":   "ok",
	"noreason":   "ok",

	// §3.1.2: invalid
	"badinv01":   "400 Malformed Via",
	"clerr":      "400 Body Shorter Than Content-Length",
	"ncl":        "400 Malformed Content-Length",
	"scalar02":   "400 Malformed CSeq",
	"scalarlg":   "400 Malformed CSeq, dropped", // a response
	"quotbal":    "400 Malformed To",
	"ltgtruri":   "400 Malformed Request-URI",
	"lwsruri":    "400 Malformed Request Line",
	"lwsstart":   "400 Malformed Request Line",
	"trws":       "400 Malformed Request Line",
	"escruri":    "400 Header in Request-URI",
	"baddate":    "ok", // nobody here reads Date
	"regbadct":   "400 Malformed Contact",
	"badaspec":   "ok", // blanks inside the brackets are harmless
	"baddn":      "ok", // a comma in an unquoted display name
	"badvers":    "505 Version Not Supported",
	"mismatch01": "400 CSeq of Another Method",
	"mismatch02": "400 CSeq of Another Method",
	"bigcode":    "400 Malformed Status Line, dropped",

	// §3.2: transaction layer, §3.3: application layer, §3.4: backward compatibility
	"badbranch": "400 Malformed Branch",
	"insuf":     "400 No From",
	"unkscm":    "416 Unsupported URI Scheme",
	"novelsc":   "416 Unsupported URI Scheme",
	"unksm2":    "ok",
	"bext01":    "ok",
	"invut":     "ok",
	"regaut01":  "ok",
	"multi01":   "400 More Than One CSeq",
	"mcl01":     "400 More Than One Content-Length",
	"bcast":     "ok",
	"zeromf":    "ok",
	"cparam01":  "ok",
	"cparam02":  "ok",
	"regescrt":  "ok",
	"sdp01":     "ok",
	"inv2543":   "ok",
}

func TestTorture(t *testing.T) {
	files, err := filepath.Glob("testdata/torture/*.dat")
	if err != nil || len(files) != len(tortureVerdicts) {
		t.Fatalf("%d files, %d verdicts, %v", len(files), len(tortureVerdicts), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".dat")
		t.Run(name, func(t *testing.T) {
			equal(t, "verdict", verdict(t, readFile(t, file)), tortureVerdicts[name])
		})
	}
}

func verdict(t *testing.T, datagram []byte) string {
	t.Helper()
	m, err := sipmsg.Parse(datagram)
	if err == nil {
		mustBytes(t, m)
		return "ok"
	}
	var e *sipmsg.Error
	if !errors.As(err, &e) {
		t.Fatalf("not an *Error: %v", err)
	}
	text := strings.TrimPrefix(e.Error(), "sip: ")
	if e.Message == nil {
		return text + ", dropped"
	}
	mustBytes(t, sipmsg.NewResponse(e.Message, e.Status, e.Reason, "t"))
	return text
}

func readFile(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestTortureValues looks into the message that RFC 4475 §3.1.1.1 calls short and
// torturous.
func TestTortureValues(t *testing.T) {
	m := mustParse(t, readFile(t, "testdata/torture/wsinv.dat"))
	equal(t, "To tag", m.To.Tag(), "1918181833n")
	equal(t, "From display", m.From.Display, `J Rosenberg \"`)
	equal(t, "From tag", m.From.Tag(), "98asjd8")
	equal(t, "Max-Forwards", m.MaxForwards, 68)
	equal(t, "CSeq", m.CSeq, 9)
	var vias []string
	for _, v := range m.Vias {
		vias = append(vias, v.Transport+" "+v.Host+" "+v.Branch())
	}
	equal(t, "Vias", strings.Join(vias, ", "),
		"UDP 192.0.2.2 390skdjuw, TCP spindle.example.com z9hG4bK9ikj8, UDP 192.168.255.111 z9hG4bK30239")
	equal(t, "subject", m.Header("Subject"), "")
	equal(t, "folded", m.Header("NewFangledHeader"), "newfangled value continued newfangled value")
	equal(t, "left alone", m.Header("UnknownHeaderWithUnusualValue"), ";;,,;;,;")
	equal(t, "Route", m.Routes[0].URI.String(), "sip:services.example.com;lr;unknownwith=value;unknown-no-value")
	equal(t, "Contact display", m.Contacts[0].Display, `Quoted string ""`)
	equal(t, "Contact params", m.Contacts[0].Params.String(), ";newparam=newvalue;secondparam;q=0.33")
	equal(t, "body", len(m.Body), 150)

	m = mustParse(t, readFile(t, "testdata/torture/esc01.dat"))
	equal(t, "escaped user", m.URI.User, "sips%3Auser%40example.com")
	user, ok := sipmsg.UnescapeUser(m.URI.User)
	equal(t, "unescaped user", user, "sips:user@example.com")
	equal(t, "well escaped", ok, true)
	m = mustParse(t, readFile(t, "testdata/torture/semiuri.dat"))
	equal(t, "semicolon in the user part", m.URI.User, "user;par=u%40example.net")
}
