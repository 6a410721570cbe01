package sdp

import (
	"errors"
	"strings"
	"testing"
)

func TestCheckAnswer(t *testing.T) {
	const c = "c=IN IP4 10.0.0.1\n"
	audio := func(rest string) string { return "m=audio 4000 RTP/AVP " + rest + "\n" }
	for _, test := range []struct {
		name, offer, answer string
		fault               AnswerFault
		media               int
		ok                  bool
	}{
		{name: "same", offer: audio("0 8"), answer: audio("0 8"), ok: true},
		{name: "subset", offer: audio("0 8 101"), answer: audio("8"), ok: true},
		{name: "one more beside a common one", offer: audio("0 8"), answer: audio("8 18"), ok: true},
		{name: "renumbered", offer: audio("96") + "a=rtpmap:96 opus/48000/2\n", answer: audio("111") + "a=rtpmap:111 OPUS/48000/2\n", ok: true},
		{name: "static by rtpmap", offer: audio("0"), answer: audio("0") + "a=rtpmap:0 pcmu/8000/1\n", ok: true},
		{name: "dynamic without rtpmap", offer: audio("96"), answer: audio("96"), ok: true},
		{name: "rejected", offer: audio("0"), answer: "m=audio 0 RTP/AVP 19\n", ok: true},
		{name: "rejected with another transport", offer: audio("0"), answer: "m=audio 0 RTP/SAVP 0\n", ok: true},
		{name: "case", offer: audio("0"), answer: "m=AUDIO 4000 rtp/avp 0\n", ok: true},
		{name: "fax", offer: "m=image 4000 udptl t38\n", answer: "m=image 4002 UDPTL T38\n", ok: true},
		{name: "no m-lines", ok: true},
		{name: "fewer", offer: audio("0") + audio("0"), answer: audio("0"), fault: FaultCount, media: -1},
		{name: "more", offer: audio("0"), answer: audio("0") + audio("0"), fault: FaultCount, media: -1},
		{name: "other order", offer: audio("0") + "m=image 4000 udptl t38\n", answer: "m=image 4000 udptl t38\n" + audio("0"), fault: FaultKind},
		{name: "other kind although rejected", offer: audio("0"), answer: "m=video 0 RTP/AVP 0\n", fault: FaultKind},
		{name: "other transport", offer: audio("0"), answer: "m=audio 4000 RTP/SAVP 0\n", fault: FaultProto},
		{name: "nothing in common", offer: audio("0 8"), answer: audio("9"), fault: FaultFormat},
		{name: "same number, other codec", offer: audio("96") + "a=rtpmap:96 opus/48000/2\n", answer: audio("96") + "a=rtpmap:96 speex/8000\n", fault: FaultFormat},
		{name: "other rate", offer: audio("96") + "a=rtpmap:96 speex/16000\n", answer: audio("96") + "a=rtpmap:96 speex/8000\n", fault: FaultFormat},
		{name: "other fax format", offer: "m=image 4000 udptl t38\n", answer: "m=image 4000 udptl t39\n", fault: FaultFormat},
		{name: "alive again", offer: audio("0") + "m=audio 0 RTP/AVP 0\n", answer: audio("0") + audio("0"), fault: FaultRejected, media: 1},
		{name: "direction", offer: audio("0") + audio("0") + "a=sendonly\n", answer: audio("0") + audio("0"), fault: FaultDirection, media: 1},
		{name: "worse than direction", offer: audio("0") + "a=sendonly\n" + audio("0"), answer: audio("0") + audio("8"), fault: FaultFormat, media: 1},
	} {
		err := CheckAnswer(mustParse(t, "v=0\no=- 1 1 IN IP4 1.1.1.1\n"+c+test.offer), mustParse(t, "v=0\no=- 2 2 IN IP4 1.1.1.1\n"+c+test.answer))
		if test.ok {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		var ae *AnswerError
		if !errors.As(err, &ae) || ae.Fault != test.fault || ae.Media != test.media {
			t.Errorf("%s: got %v, want fault %s at %d", test.name, err, test.fault, test.media)
			continue
		}
		if named := strings.Contains(err.Error(), "m-line "); named != (test.media >= 0) {
			t.Errorf("%s: error %q", test.name, err)
		}
	}
	if got := AnswerFault(99).String(); got != "unknown" {
		t.Errorf("fault 99 is %q", got)
	}
}

// TestDirections lists every pair of RFC 3264 §6.1, and what remains of an
// answer that is not legal.
func TestDirections(t *testing.T) {
	type pair struct{ offered, answered Direction }
	legal := map[pair]bool{
		{SendRecv, SendRecv}: true, {SendRecv, SendOnly}: true, {SendRecv, RecvOnly}: true, {SendRecv, Inactive}: true,
		{SendOnly, RecvOnly}: true, {SendOnly, Inactive}: true,
		{RecvOnly, SendOnly}: true, {RecvOnly, Inactive}: true,
		{Inactive, Inactive}: true,
	}
	for offered := SendRecv; offered <= Inactive; offered++ {
		for answered := SendRecv; answered <= Inactive; answered++ {
			if got := answered.Legal(offered); got != legal[pair{offered, answered}] {
				t.Errorf("%s to %s: legal = %t", answered, offered, got)
			}
			cut := answered.Answer(offered)
			if !cut.Legal(offered) || cut.Sends() && !answered.Sends() || cut.Receives() && !answered.Receives() ||
				answered.Legal(offered) && cut != answered {
				t.Errorf("%s to %s: cut to %s", answered, offered, cut)
			}
		}
		if back := offered.Reverse().Reverse(); back != offered || offered.Reverse().Sends() != offered.Receives() {
			t.Errorf("%s reversed is %s, and back %s", offered, offered.Reverse(), back)
		}
		if d, ok := parseDirection(offered.String()); !ok || d != offered {
			t.Errorf("%s reads as %s, %t", offered, d, ok)
		}
	}
}
