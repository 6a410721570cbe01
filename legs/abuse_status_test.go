package legs_test

import (
	"strings"
	"testing"

	"b2bua/internal/siptest"
	"b2bua/legs"
)

// Every status that a request can be refused with before anybody is asked, and
// what provokes it. The text is an INVITE with something wrong in it.
func TestEveryRefusal(t *testing.T) { //nolint:tparallel // one stack for all
	t.Parallel()
	r := newRig(t)
	invite := "INVITE sip:33@SERVER SIP/2.0\nVia: SIP/2.0/UDP PEER;branch=z9hG4bKNAME;rport\nMax-Forwards: 70\n" +
		"From: <sip:a@b>;tag=1\nTo: <sip:c@d>\nCall-ID: NAME\nCSeq: 1 INVITE\nContact: <sip:a@PEER>\nContent-Length: 0\n\n"
	replace := strings.NewReplacer
	first := replace("NAME", "first").Replace(invite)
	for _, tt := range []struct {
		name string
		with *strings.Replacer
		want string
	}{
		{"another-method-in-cseq", replace("1 INVITE", "1 OPTIONS"), "400"},
		{"two-call-ids", replace("CSeq", "Call-ID: two\nCSeq"), "400"},
		{"no-contact", replace("Contact:", "Cntct:"), "400"},
		{"two-lengths", replace("Content-Length: 0", "Content-Length: 0\nl: 4"), "400"},
		{"length-beyond", replace("Content-Length: 0", "Content-Length: 4"), "400"},
		{"hops-not-a-number", replace("Max-Forwards: 70", "Max-Forwards: many"), "400"},
		{"message-method", replace("INVITE", "MESSAGE"), "405 MESSAGE"},
		{"fax-uri", replace("sip:33@SERVER", "fax:+331"), "416"},
		{"urn", replace("sip:33@SERVER", "urn:service:sos"), "416"},
		{"extension", replace("Contact:", "Require: nothing\nContact:"), "420"},
		{"extension-of-proxies", replace("Contact:", "Proxy-Require: nothing\nContact:"), "420"},
		{"foreign-dialog", replace("<sip:c@d>", "<sip:c@d>;tag=foreign"), "481"},
		{"bye", replace("INVITE", "BYE"), "481 BYE"},
		{"merged", replace("NAME;rport", "other;rport", "NAME", "first"), "482"},
		{"no-hop-left", replace("Max-Forwards: 70", "Max-Forwards: 0"), "483"},
		{"invented-method", replace("INVITE", "FROBNICATE"), "501 FROBNICATE"},
		{"methods-have-a-case", replace("INVITE", "invite"), "501 invite"},
		{"version-3", replace("SERVER SIP/2.0", "SERVER SIP/3.0"), "505"},
		{"too-many-lines", replace("Contact:", strings.Repeat("X-Line: 1\n", 300)+"Contact:"), "513"},
		{"too-many-vias", replace("Max-Forwards", strings.Repeat("Via: SIP/2.0/UDP h;branch=z9hG4bKx\n", 80)+"Max-Forwards"), "513"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			peer := siptest.New(t, callerIP)
			fill := strings.NewReplacer("SERVER", r.server.String(), "PEER", peer.Addr().String(), "NAME", tt.name)
			if tt.want == "482" {
				peer.Write(r.server, fill.Replace(first))
				in := r.host.invite()
				defer r.on(in.shard, func(*legs.Core) { in.leg.Refuse(486, "", nil) })
			}
			peer.Write(r.server, fill.Replace(tt.with.Replace(invite)))
			if m := peer.Expect(tt.want); m.To.Tag() == "" {
				t.Error("no To tag")
			}
		})
	}
	r.host.expect(legs.Ended) // of the one that was merged
	r.host.none()
	if n := r.count("b2bua_call_panics_total"); n != 0 {
		t.Errorf("%d panics", n)
	}
}
