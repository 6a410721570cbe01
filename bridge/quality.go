package bridge

import (
	"b2bua/cdr"
	"b2bua/policy"
	"b2bua/rtprelay"
)

// stats writes the record's view of the media as they stand to out and returns
// it; nil when there were none. The streams are put in room when they fit.
func (m *media) stats(out *cdr.Media, room []cdr.Stream) *cdr.Media {
	if m.bypass {
		*out = cdr.Media{Mode: policy.MediaBypass, Streams: []cdr.Stream{}}
		return out
	}
	if m.lines == nil {
		return nil
	}
	if most := 2 * len(m.lines); cap(room) < most {
		room = make([]cdr.Stream, 0, most)
	}
	*out = cdr.Media{Mode: policy.MediaRelay, Streams: room[:0]}
	for i, l := range m.lines {
		if l.caller != nil {
			out.Streams = append(out.Streams, streamStats(i, l.kind, "caller", l.caller))
		}
		if l.called != nil {
			out.Streams = append(out.Streams, streamStats(i, l.kind, "called", l.called))
		}
	}
	return out
}

func streamStats(index int, kind, from string, st *rtprelay.Stream) cdr.Stream {
	s := st.Stats()
	var room [2 * len("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535")]byte
	both := st.LocalRTP().AppendTo(room[:0])
	at := len(both)
	if s.Remote.IsValid() {
		both = s.Remote.AppendTo(both)
	}
	text := string(both)
	return cdr.Stream{
		Index: index, Kind: kind, From: from, Local: text[:at], Remote: text[at:],
		SSRC: s.SSRC, PayloadType: s.PayloadType, Packets: s.Packets, Octets: s.Octets, Lost: s.Lost,
		JitterMS: float64(s.Jitter.Microseconds()) / 1000, Dropped: s.Dropped(), RTCPPackets: s.RTCPPackets,
	}
}
