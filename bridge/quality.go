package bridge

import (
	"b2bua/cdr"
	"b2bua/policy"
	"b2bua/rtprelay"
)

// stats writes the record's view of the media as they stand to out and returns
// it; nil when there were none.
func (m *media) stats(out *cdr.Media) *cdr.Media {
	if m.bypass {
		*out = cdr.Media{Mode: policy.MediaBypass, Streams: []cdr.Stream{}}
		return out
	}
	if m.lines == nil {
		return nil
	}
	*out = cdr.Media{Mode: policy.MediaRelay, Streams: make([]cdr.Stream, 0, 2*len(m.lines))}
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
	out := cdr.Stream{
		Index: index, Kind: kind, From: from, Local: st.LocalRTP().String(),
		SSRC: s.SSRC, PayloadType: s.PayloadType, Packets: s.Packets, Octets: s.Octets, Lost: s.Lost,
		JitterMS: float64(s.Jitter.Microseconds()) / 1000, Dropped: s.Dropped(), RTCPPackets: s.RTCPPackets,
	}
	if s.Remote.IsValid() {
		out.Remote = s.Remote.String()
	}
	return out
}
