//go:build !race

package sipmsg_test

import (
	"testing"

	"b2bua/legs/sipmsg"
)

// TestAllocations bounds what one message costs the garbage collector: a call is
// six parses. (Under the race detector sync.Pool forgets at random.)
func TestAllocations(t *testing.T) {
	req := mustParse(t, carrierINVITE)
	buf := make([]byte, 0, 4096)
	for _, c := range []struct {
		name string
		max  float64
		f    func()
	}{
		{"INVITE, 17 headers and SDP", 46, func() { mustParse(t, carrierINVITE) }},
		{"200 OK", 40, func() { mustParse(t, carrierOK) }},
		{"response", 3, func() { sipmsg.NewResponse(req, 200, "", "tag") }},
		{"append", 0, func() {
			if _, err := req.Append(buf); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		if got := testing.AllocsPerRun(200, c.f); got > c.max {
			t.Errorf("%s: %v allocations, bound %v", c.name, got, c.max)
		}
	}
}
