package main

import "testing"

func TestMediaPort(t *testing.T) {
	t.Parallel()
	if port, err := mediaPortOf(describe(callerAddress)); port != mediaPort || err != nil {
		t.Errorf("%d, %v", port, err)
	}
	for _, sdp := range []string{"", "v=0\r\n", "m=audio\r\n", "m=audio 0 RTP/AVP 0\r\n", "m=audio 65536 RTP/AVP 0\r\n", "m=audio x RTP/AVP 0\r\n"} {
		if port, err := mediaPortOf(sdp); err == nil {
			t.Errorf("%q has port %d, want an error", sdp, port)
		}
	}
}

func TestAnswerTo(t *testing.T) {
	t.Parallel()
	if text, ok := answerTo("12", "12 de"); text != "de" || !ok {
		t.Errorf("%q, %v", text, ok)
	}
	for _, late := range []string{"1 de", "123 de", "12", ""} {
		if _, ok := answerTo("12", late); ok {
			t.Errorf("%q is taken for the answer", late)
		}
	}
}
