// Package sdp edits session descriptions line by line (RFC 8866) and checks an
// answer against its offer (RFC 3264).
//
// A description is kept as the lines it came in. What the package does not
// know, and what nobody asked it to change, leaves byte for byte as it came
// and in the same place; only line ends are made CRLF and blank lines are
// dropped. Values are read from the lines when they are asked for, so there is
// no second copy of them that could disagree; of an m= line its places are kept.
//
// A back-to-back user agent passes a description on like this:
//
//	s, err := sdp.Parse(body)     // what the peer sent; 488 on error
//	out := s.Clone()
//	out.Anonymise(origin)         // our o=, nothing that names the peer
//	out.Relay(addr)               // media ends at a relay: no ICE, our c=
//	for _, m := range out.Media() {
//		switch {
//		case m.Disabled(): // keeps its place with port 0
//		case !m.UDP():
//			m.Disable() // TCP is not relayed
//		default:
//			m.SetAddress(rtp, rtcp, mux)
//		}
//	}
//	body = out.Bytes()
//
// With media bypass the addresses stay: s.Anonymous(origin) is the whole of it.
// What nearly all telephones say is passed on without a second description:
// s.Relayed(origin, addr, places) is the same as the above.
package sdp
