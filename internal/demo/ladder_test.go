package demo

import (
	"bytes"
	"flag"
	"net/netip"
	"os"
	"testing"
	"time"

	"b2bua/legs/sipmsg"
)

var update = flag.Bool("update", false, "write testdata/ladder.txt anew")

func TestLadder(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	now := time.Unix(0, 0)
	l := &ladder{out: &out, now: func() time.Time { now = now.Add(1250 * time.Microsecond); return now }}
	body := describe(netip.MustParseAddrPort("127.0.0.1:40000"))
	request := func(method string, body []byte) *sipmsg.Message { return &sipmsg.Message{Method: method, Body: body} }
	response := func(status int, body []byte) *sipmsg.Message {
		return &sipmsg.Message{Method: "INVITE", Status: status, Reason: sipmsg.ReasonPhrase(status), Body: body}
	}
	l.message(request("OPTIONS", nil), "bob", false) // before the story: not drawn
	l.say("A story.\n")
	l.head()
	l.message(request("INVITE", body), "alice", true)
	l.message(request("INVITE", body), "bob", false)
	l.message(response(180, nil), "bob", true)
	l.message(response(200, body), "bob", true)
	l.message(response(200, body), "alice", false)
	l.message(response(503, []byte("not a description")), "alice", false)
	l.message(&sipmsg.Message{Method: "INVITE", Status: 488, Reason: "A phrase that is longer than an arrow can be"}, "alice", false)
	l.talking()
	l.say("Between.\n")
	l.message(request("BYE", nil), "bob", true)

	const golden = "testdata/ladder.txt"
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), want) {
		t.Errorf("drawn:\n%s\nwant:\n%s", out.Bytes(), want)
	}
}
