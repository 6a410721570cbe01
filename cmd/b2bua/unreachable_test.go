package main

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"b2bua/internal/siptest"
)

// promptly is how soon a gateway where nobody listens must be left. Without what
// ICMP says it would take timer B: 32 s.
const promptly = 100 * time.Millisecond

// A gateway where nobody listens costs a call milliseconds.
func TestUnreachableGateway(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			cfg := demoConfig(t.TempDir())
			cfg.SIP.Listen = []string{"udp://" + net.JoinHostPort(host, "0")}
			cfg.Media.Addresses = []netip.Addr{netip.MustParseAddr(host)}
			p := serving(t, cfg)
			bind := net.JoinHostPort(host, "0")
			caller, living := siptest.New(t, bind), siptest.New(t, bind)
			dead := closedPort(t, bind)
			p.api.must("POST", "/v1/trunks", fmt.Sprintf(`{"name": "pbx", "sources": [%q]}`, host))
			p.api.must("POST", "/v1/trunks", fmt.Sprintf(
				`{"name": "carrier", "gateways": [{"uri": "sip:%s", "priority": 1}, {"uri": "sip:%s", "priority": 2}]}`, dead, living.Addr()))
			p.api.must("POST", "/v1/routes", `{"name": "everything", "match": {"called_prefix": ""}, "targets": [{"trunk": "carrier"}]}`)
			var took []time.Duration
			for i := range 20 {
				media := siptest.SDP(netip.AddrPortFrom(netip.MustParseAddr(host), 9))
				invite := caller.Invite("sip:33123456789@"+p.sip.String(), "1000", fmt.Sprint("dead-", i), media)
				began := time.Now()
				caller.Send(p.sip, invite)
				far := living.Expect("INVITE")
				took = append(took, time.Since(began))
				living.Send(p.sip, living.Respond(far, 486, "far", nil))
				living.Expect("ACK")
				caller.Send(p.sip, caller.Ack(invite, caller.Await("486 INVITE")))
			}
			slices.Sort(took)
			t.Logf("from INVITE in to INVITE at the second gateway: median %v, most %v of %d calls", took[len(took)/2], took[len(took)-1], len(took))
			if most := took[len(took)-1]; most > promptly {
				t.Errorf("one call took %v", most)
			}
			if n := p.metric("b2bua_transport_icmp_errors_total", `reason="port_unreachable"`); n < len(took) {
				t.Errorf("%d errors counted", n)
			}
		})
	}
}

// A stranger who floods is cut off unread, and a trunk's call goes on.
func TestStrangersFlood(t *testing.T) {
	const flood = 2000
	cfg := demoConfig(t.TempDir())
	cfg.Limits.SourceRate, cfg.Limits.SourceBurst = 1, 5
	p := serving(t, cfg)
	called := siptest.New(t, "127.0.0.1:0")
	route(p.api, called)
	stranger := siptest.New(t, "127.0.0.99:0")
	call := dial(t, p.sip, called)
	for i := range flood {
		stranger.Write(p.sip, fmt.Sprintf("OPTIONS sip:x@y SIP/2.0\r\nCSeq: %d OPTIONS\r\n\r\n", i))
	}
	call.caller.Send(p.sip, call.caller.Request("BYE", 2, call.invite, call.ok))
	call.called.Send(p.sip, call.called.Respond(call.called.Await("BYE"), 200, "", nil))
	call.caller.Await("200 BYE")
	dropped := func() int { return p.metric("b2bua_transport_dropped_datagrams_total", `reason="budget"`) }
	lost := func() int { return p.metric("b2bua_transport_dropped_datagrams_total", `reason="kernel"`) }
	for deadline := time.Now().Add(patience); dropped()+lost() < flood-50; {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d dropped", dropped(), flood)
		}
	}
}

// closedPort is an address where nobody listens.
func closedPort(t *testing.T, bind string) netip.AddrPort {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(bind)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

// metric reads one series of a process.
func (p *process) metric(name, label string) int {
	p.t.Helper()
	series := regexp.MustCompile(`(?m)^` + name + `\{` + label + `\} (\S+)$`)
	m := series.FindStringSubmatch(p.api.must("GET", "/metrics", ""))
	if m == nil {
		p.t.Fatalf("no metric %s with %s", name, label)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		p.t.Fatal(err)
	}
	return int(v)
}
