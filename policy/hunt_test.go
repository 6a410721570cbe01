package policy

import (
	"slices"
	"testing"
)

func TestHuntOn(t *testing.T) {
	h := compileHuntOn([]string{"timeout", "503", "404", "transport"})
	if want := (HuntOn{"404", "503", "transport", "timeout"}); !slices.Equal(h, want) {
		t.Errorf("canonical order: %v, want %v", h, want)
	}
	for status := -1; status < 1200; status++ {
		if got, want := h.OnStatus(status), status == 404 || status == 503; got != want {
			t.Errorf("OnStatus(%d) = %v", status, got)
		}
	}
	if !h.OnTransport() || !h.OnTimeout() {
		t.Error("transport or timeout is lost")
	}
	var never HuntOn
	if never.OnStatus(503) || never.OnTransport() || never.OnTimeout() {
		t.Error("the zero value hunts")
	}
	if h := compileHuntOn([]string{"480"}); h.OnTransport() || h.OnTimeout() {
		t.Error("hunts on what it does not name")
	}
}

// The design's default, by outcome.
func TestDefaultHuntOn(t *testing.T) {
	h := compileHuntOn(DefaultHuntOn())
	for _, status := range []int{408, 480, 500, 502, 503, 504} {
		if !h.OnStatus(status) {
			t.Errorf("does not hunt on %d", status)
		}
	}
	for _, status := range []int{401, 403, 404, 407, 484, 486, 487, 501, 600, 603} {
		if h.OnStatus(status) {
			t.Errorf("hunts on %d", status)
		}
	}
	if !h.OnTransport() || !h.OnTimeout() {
		t.Error("does not hunt on transport or timeout")
	}
}

func TestValidHuntWord(t *testing.T) {
	for word, want := range map[string]bool{
		"400": true, "699": true, "399": false, "700": false, "transport": true, "timeout": true,
		"": false, "4xx": false, "0408": false, "+408": false, "-08": false, "Timeout": false,
	} {
		if validHuntWord(word) != want {
			t.Errorf("%q: not %v", word, want)
		}
	}
}
