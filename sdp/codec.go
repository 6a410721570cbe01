package sdp

import (
	"strconv"
	"strings"
)

// A Codec is one RTP payload format of an m-line.
type Codec struct {
	PayloadType uint8
	Name        string // encoding name as written: PCMA, opus, telephone-event; "" when nothing says
	ClockRate   int    // Hz; 0 when nothing says
	Channels    int    // 1 when the rtpmap gives none
}

// Same reports whether two codecs are the same encoding, whatever their
// payload types. A codec without a name is the same as another without one of
// the same payload type.
func (c Codec) Same(d Codec) bool {
	if c.Name == "" || d.Name == "" {
		return c.Name == d.Name && c.PayloadType == d.PayloadType
	}
	return strings.EqualFold(c.Name, d.Name) && c.ClockRate == d.ClockRate && c.Channels == d.Channels
}

// PayloadTypes returns the m-line's RTP payload types in order of preference.
// It is empty when the m-line is not RTP.
func (m *Media) PayloadTypes() []uint8 {
	if !m.RTP() {
		return nil
	}
	var types []uint8
	for rest := m.fields().formats; rest != ""; {
		var format string
		format, rest = nextField(rest)
		if pt, ok := payloadType(format); ok {
			types = append(types, pt)
		}
	}
	return types
}

// payloadType reads a number from 0 to 127.
func payloadType(s string) (pt uint8, ok bool) {
	n := 0
	for i := range len(s) {
		if n = 10*n + int(s[i]) - '0'; s[i] < '0' || s[i] > '9' || n > 127 {
			return 0, false
		}
	}
	return uint8(n), s != ""
}

// PayloadSet returns the payload types as a set of bits, number 0 the lowest
// bit of the first word. It is zero when the m-line is not RTP.
func (m *Media) PayloadSet() (set [2]uint64) {
	f := m.fields()
	return f.payloadSet()
}

func (f *mediaFields) payloadSet() (set [2]uint64) {
	if !f.rtp() {
		return set
	}
	for rest := f.formats; rest != ""; {
		var format string
		format, rest = nextField(rest)
		if pt, ok := payloadType(format); ok {
			set[pt>>6] |= 1 << (pt & 63)
		}
	}
	return set
}

// Codec describes a payload type by its a=rtpmap, or by RFC 3551 §6 when it is
// a static one without.
func (m *Media) Codec(pt uint8) Codec {
	for _, line := range m.lines {
		value, ok := strings.CutPrefix(line, "a=rtpmap:")
		if !ok {
			continue
		}
		number, rest := nextField(trimRight(value))
		if n, ok := payloadType(number); !ok || n != pt {
			continue
		}
		if c, ok := parseEncoding(rest); ok {
			c.PayloadType = pt
			return c
		}
	}
	return staticCodec(pt)
}

// Codecs describes all payload types in order of preference.
func (m *Media) Codecs() []Codec {
	types := m.PayloadTypes()
	codecs := make([]Codec, 0, len(types))
	for _, pt := range types {
		codecs = append(codecs, m.Codec(pt))
	}
	return codecs
}

// ClockRate returns the RTP clock rate of a payload type in Hz, 0 when the
// description does not say.
func (m *Media) ClockRate(pt uint8) int { return m.Codec(pt).ClockRate }

// parseEncoding reads "name/rate[/channels]" (RFC 8866 §6.6).
func parseEncoding(value string) (Codec, bool) {
	value, _ = nextField(value)
	name, rest, ok := strings.Cut(value, "/")
	if !ok || name == "" {
		return Codec{}, false
	}
	rate, channels, hasChannels := strings.Cut(rest, "/")
	hz, err := strconv.ParseUint(rate, 10, 31)
	if err != nil {
		return Codec{}, false
	}
	c := Codec{Name: name, ClockRate: int(hz), Channels: 1}
	if !hasChannels {
		return c, true
	}
	if n, err := strconv.ParseUint(channels, 10, 15); err == nil && n > 0 {
		c.Channels = int(n)
	}
	return c, true
}

// staticCodec is the table of RFC 3551 §6; 13 is RFC 3389 §4.
func staticCodec(pt uint8) Codec {
	c := Codec{PayloadType: pt, ClockRate: 8000, Channels: 1}
	switch pt {
	case 0:
		c.Name = "PCMU"
	case 3:
		c.Name = "GSM"
	case 4:
		c.Name = "G723"
	case 5:
		c.Name = "DVI4"
	case 6:
		c.Name, c.ClockRate = "DVI4", 16000
	case 7:
		c.Name = "LPC"
	case 8:
		c.Name = "PCMA"
	case 9:
		c.Name = "G722" // 8000 although it samples at 16000, RFC 3551 §4.5.2
	case 10:
		c.Name, c.ClockRate, c.Channels = "L16", 44100, 2
	case 11:
		c.Name, c.ClockRate = "L16", 44100
	case 12:
		c.Name = "QCELP"
	case 13:
		c.Name = "CN"
	case 14:
		c.Name, c.ClockRate = "MPA", 90000
	case 15:
		c.Name = "G728"
	case 16:
		c.Name, c.ClockRate = "DVI4", 11025
	case 17:
		c.Name, c.ClockRate = "DVI4", 22050
	case 18:
		c.Name = "G729"
	case 25:
		c.Name, c.ClockRate = "CelB", 90000
	case 26:
		c.Name, c.ClockRate = "JPEG", 90000
	case 28:
		c.Name, c.ClockRate = "nv", 90000
	case 31:
		c.Name, c.ClockRate = "H261", 90000
	case 32:
		c.Name, c.ClockRate = "MPV", 90000
	case 33:
		c.Name, c.ClockRate = "MP2T", 90000
	case 34:
		c.Name, c.ClockRate = "H263", 90000
	default:
		return Codec{PayloadType: pt}
	}
	return c
}
