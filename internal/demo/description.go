package demo

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// describe is a telephone's offer or answer: G.711 µ-law at addr.
func describe(addr netip.AddrPort) []byte {
	return fmt.Appendf(nil, "v=0\r\no=phone 1 1 IN IP4 %[1]s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\n"+
		"m=audio %[2]d RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\n",
		addr.Addr(), addr.Port())
}

// audioOf reads where a description wants its audio: the port of its first m=audio
// line, at the address below that line or, when there is none, at the session's.
func audioOf(body []byte) (netip.AddrPort, error) {
	var session, media netip.Addr
	var port uint64
	var err error
	inside, medias := false, 0
	for line := range strings.Lines(string(body)) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "m=") {
			medias++
			fields := strings.Fields(line)
			inside = port == 0 && fields[0] == "m=audio" && len(fields) > 3
			if inside {
				if port, err = strconv.ParseUint(fields[1], 10, 16); err != nil {
					return netip.AddrPort{}, fmt.Errorf("a description with the port %q", fields[1])
				}
			}
		}
		if v, ok := strings.CutPrefix(line, "c=IN IP4 "); ok {
			ip, _ := netip.ParseAddr(v)
			if medias == 0 {
				session = ip
			} else if inside {
				media = ip
			}
		}
	}
	if !media.IsValid() {
		media = session
	}
	if !media.Is4() || port == 0 {
		return netip.AddrPort{}, fmt.Errorf("a description without audio: %q", body)
	}
	return netip.AddrPortFrom(media, uint16(port)), nil
}
