package legs_test

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"b2bua/internal/siptest"
	"b2bua/legs"
	"b2bua/legs/sipmsg"
	"b2bua/legs/transport"
	"b2bua/policy"
)

// torture is what RFC 4475 says of its messages, and what we do when a trunk
// sends them: "call" when the bridge hears of it (and refuses it with 486), else
// the status or silence. sipmsg's own table says what the parser makes of them.
var torture = map[string]struct{ rfc, ours string }{
	// §3.1.1: valid
	"wsinv":      {"valid", "481"},                 // it has a To tag
	"intmeth":    {"valid: 405 or 501", "silence"}, // a NUL never leaves, so it does not enter
	"esc01":      {"valid", "call"},
	"escnull":    {"valid", "405"},
	"esc02":      {"valid: 405 or 501, no REGISTER", "501"},
	"lwsdisp":    {"valid", "200"},
	"longreq":    {"valid", "call"},
	"dblreq":     {"valid, the second request ignored", "405"}, // nobody registers here
	"semiuri":    {"valid", "200"},
	"transports": {"valid", "200"},
	"mpart01":    {"valid", "405"}, // MESSAGE
	"unreason":   {"valid", "silence"},
	"noreason":   {"valid", "silence"},

	// §3.1.2: invalid
	"badinv01":   {"400", "400"},
	"clerr":      {"400", "400"},
	"ncl":        {"400", "400"},
	"scalar02":   {"400", "400"},
	"scalarlg":   {"discard", "silence"},
	"quotbal":    {"400", "400"},
	"ltgtruri":   {"400", "400"},
	"lwsruri":    {"400", "400"},
	"lwsstart":   {"400", "400"},
	"trws":       {"400", "400"},
	"escruri":    {"400", "400"},
	"baddate":    {"400, or as if it had no Date", "call"}, // nobody reads Date
	"regbadct":   {"400", "400"},
	"badaspec":   {"400, or be lenient", "200"},
	"baddn":      {"400, or be lenient", "200"},
	"badvers":    {"505", "505"},
	"mismatch01": {"400", "400"},
	"mismatch02": {"400 or 501", "400"},
	"bigcode":    {"discard", "silence"},

	// §3.2: transaction layer, §3.3: application layer, §3.4: backward compatibility
	"badbranch": {"400, or as if it had no branch", "400"},
	"insuf":     {"400", "400"},
	"unkscm":    {"416", "416"},
	"novelsc":   {"416", "416"},
	"unksm2":    {"400", "405"}, // REGISTER
	"bext01":    {"420", "420"},
	"invut":     {"415", "call"}, // the bridge says 415
	"regaut01":  {"401, or ignore the scheme", "405"},
	"multi01":   {"400", "400"},
	"mcl01":     {"400", "400"},
	"bcast":     {"discard", "silence"},
	"zeromf":    {"483, or answer", "200"},
	"cparam01":  {"valid", "405"},
	"cparam02":  {"valid", "405"},
	"regescrt":  {"valid", "405"},
	"sdp01":     {"488, or answer", "call"},         // the bridge's business
	"inv2543":   {"valid where RFC 2543 is", "400"}, // no Contact to send a BYE to
}

// saidTo renders what was said to whom in reaction to a message.
func saidTo(statuses []int) string {
	if len(statuses) == 0 {
		return "silence"
	}
	if len(statuses) == 2 && statuses[0] == 100 && statuses[1] == 486 {
		return "call"
	}
	return strings.Trim(fmt.Sprint(statuses), "[]")
}

// TestTortureStatuses looks at each response itself; where it goes to is for
// the Via to say.
func TestTortureStatuses(t *testing.T) {
	t.Parallel()
	for name, raw := range tortureFiles(t) {
		var statuses []int
		h := newHost(t)
		h.does(hooks{invite: func(_ *legs.Core, leg *legs.Inbound, _ *legs.Invite) { leg.Refuse(486, "", nil) }})
		sim, err := legs.Simulate(legs.Config{
			Node: 1, Handler: h, Now: func() time.Time { return time.Unix(1e9, 0) },
			Listeners: []transport.ListenerConfig{{URL: "udp://192.0.2.1:5060", Network: "default"}},
			Identify:  func(policy.Source) (*policy.Trunk, bool) { return &policy.Trunk{Name: "pbx"}, true },
			Allowed:   func(string, netip.Addr) bool { return false },
		}, func(o transport.Outgoing) {
			m, err := sipmsg.Parse(o.Data)
			switch {
			case err != nil && !strings.HasPrefix(string(o.Data), "SIP/2.0 4"): // which repeats what is wrong
				t.Errorf("%s: said what does not parse: %v\n%s", name, err, o.Data)
			case err == nil && m.IsRequest():
				t.Errorf("%s: said %s", name, siptest.Describe(m))
			}
			status, err := strconv.Atoi(string(o.Data[len("SIP/2.0 "):][:3]))
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			statuses = append(statuses, status)
		})
		if err != nil {
			t.Fatal(err)
		}
		sim.Hear(transport.Flow{Peer: netip.MustParseAddrPort("198.51.100.1:5060")}, raw)
		want, ok := torture[name]
		if got := saidTo(statuses); got != want.ours || !ok {
			t.Errorf("%q: {%q, %q},", name, want.rfc, got)
		}
		sim.Advance(sim.Now().Add(time.Hour))
		if err := sim.Left(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func tortureFiles(t *testing.T) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("sipmsg/testdata/torture/*.dat")
	if err != nil || len(files) != 49 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	all := map[string][]byte{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".dat")] = raw
	}
	return all
}

// TestTortureOnTheWire sends them all over UDP, from a trunk and from a stranger,
// and sees by what is counted that the stack does the same; it serves a call
// when all is over. The answers go to the port that the Via names, where nobody
// listens.
func TestTortureOnTheWire(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.host.does(hooks{invite: func(_ *legs.Core, leg *legs.Inbound, inv *legs.Invite) {
		if inv.CallID != "after-all" {
			leg.Refuse(486, "", nil)
		}
	}})
	known, stranger := mute(t, callerIP), mute(t, strangerIP)
	reaction := func(from *net.UDPConn, to netip.AddrPort, raw []byte) string {
		before := r.said()
		if _, err := from.WriteToUDPAddrPort(raw, to); err != nil {
			t.Fatal(err)
		}
		r.fence(r.gate, to)
		return saidSince(before, r.said())
	}
	for name, raw := range tortureFiles(t) {
		want := map[string]string{"silence": "silence", "call": "1xx 4xx"}[torture[name].ours]
		if want == "" {
			want = torture[name].ours[:1] + "xx"
		}
		if got := reaction(known, r.server, raw); got != want {
			t.Errorf("%s: %s, wanted %s", name, got, want)
		}
		if torture[name].ours == "call" {
			r.host.invite()
			r.host.expect(legs.Ended)
		}
		if got := reaction(stranger, r.server, raw); got != "silence" && got != "4xx" {
			t.Errorf("%s from a stranger: %s", name, got)
		}
		if got := reaction(stranger, r.quiet, raw); got != "silence" {
			t.Errorf("%s from a stranger who is to hear nothing: %s", name, got)
		}
	}
	if n := r.count("b2bua_call_panics_total"); n != 0 {
		t.Errorf("%d panics", n)
	}
	r.host.none()
	r.answered("after-all")
}

// mute is a socket that only speaks.
func mute(t *testing.T, addr string) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// said counts the responses that were sent, but to BYE, by class.
func (r *rig) said() map[string]int {
	r.t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	said := map[string]int{}
	for _, f := range families {
		if f.GetName() != "b2bua_sip_responses_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			l := map[string]string{}
			for _, pair := range m.GetLabel() {
				l[pair.GetName()] = pair.GetValue()
			}
			if l["direction"] == "sent" && l["method"] != "BYE" {
				said[l["class"]] += int(m.GetCounter().GetValue())
			}
		}
	}
	return said
}

// saidSince lists the classes of which more was said.
func saidSince(before, after map[string]int) string {
	var list []string
	for class, n := range after {
		for range n - before[class] {
			list = append(list, class)
		}
	}
	if len(list) == 0 {
		return "silence"
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}
