package rtprelay

import "net/netip"

// Remote returns what the last SetRemote said, as far as the stream could make
// use of it: setting that again changes nothing. ok is false when none has come.
func (st *Stream) Remote() (r Remote, ok bool) {
	st.session.mu.Lock()
	defer st.session.mu.Unlock()
	c := st.control.Load()
	if c.generation == 0 {
		return Remote{}, false
	}
	t := st.toldLocked()
	r = Remote{
		RTP: t.rtp, RTCP: t.rtcp, Mux: t.mux, Send: c.send, Recv: c.recv, Learn: c.learn,
		Prefixes: append([]netip.Prefix(nil), c.prefixes...), PayloadTypes: c.payloadTypes,
	}
	if len(c.rates) > 0 {
		r.ClockRates = make(map[uint8]uint32, len(c.rates))
		for _, rate := range c.rates {
			r.ClockRates[rate.payloadType] = rate.hz
		}
	}
	return r, true
}

// Joined returns the stream that what is accepted goes out of; nil for none.
func (st *Stream) Joined() *Stream { return st.control.Load().peer }
