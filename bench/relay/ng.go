package main

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// describe is the SDP of a side that has its media at address: G.711 in both
// directions.
func describe(address netip.Addr) string {
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %[1]v\r\ns=-\r\nc=IN IP4 %[1]v\r\nt=0 0\r\n"+
		"m=audio %[2]d RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n",
		address, mediaPort)
}

// mediaPortOf is the port of the first m-line of an SDP.
func mediaPortOf(sdp string) (uint16, error) {
	for line := range strings.Lines(sdp) {
		rest, ok := strings.CutPrefix(line, "m=audio ")
		if !ok {
			continue
		}
		digits, _, _ := strings.Cut(rest, " ")
		port, err := strconv.ParseUint(digits, 10, 16)
		if err != nil || port == 0 {
			return 0, fmt.Errorf("port %q in %q", digits, strings.TrimSpace(line))
		}
		return uint16(port), nil
	}
	return 0, fmt.Errorf("no audio in %q", sdp)
}

// answerTo returns what an ng datagram says if it answers the command that was
// sent with the cookie.
func answerTo(cookie, datagram string) (string, bool) {
	return strings.CutPrefix(datagram, cookie+" ")
}
