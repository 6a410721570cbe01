package sdp

// A Direction is which way media flows, seen from the side that wrote the
// description (RFC 8866 §6.7). The zero value is SendRecv, which also holds
// when a description says nothing.
type Direction uint8

// The four directions.
const (
	SendRecv Direction = iota
	SendOnly
	RecvOnly
	Inactive
)

// String returns the attribute name.
func (d Direction) String() string {
	switch d {
	case SendOnly:
		return "sendonly"
	case RecvOnly:
		return "recvonly"
	case Inactive:
		return "inactive"
	default:
		return "sendrecv"
	}
}

// Sends reports whether the writer sends media.
func (d Direction) Sends() bool { return d == SendRecv || d == SendOnly }

// Receives reports whether the writer wants to receive media.
func (d Direction) Receives() bool { return d == SendRecv || d == RecvOnly }

// Reverse returns the same flow as the other side would write it.
func (d Direction) Reverse() Direction {
	switch d {
	case SendOnly:
		return RecvOnly
	case RecvOnly:
		return SendOnly
	default:
		return d
	}
}

// Legal reports whether d may answer offered (RFC 3264 §6.1).
func (d Direction) Legal(offered Direction) bool {
	return (!d.Sends() || offered.Receives()) && (!d.Receives() || offered.Sends())
}

// Answer returns d cut down to what offered allows: sendrecv to a sendonly
// offer becomes recvonly, and so on.
func (d Direction) Answer(offered Direction) Direction {
	return directionOf(d.Sends() && offered.Receives(), d.Receives() && offered.Sends())
}

func directionOf(sends, receives bool) Direction {
	switch {
	case sends && receives:
		return SendRecv
	case sends:
		return SendOnly
	case receives:
		return RecvOnly
	default:
		return Inactive
	}
}

func parseDirection(name string) (Direction, bool) {
	switch name {
	case "sendrecv":
		return SendRecv, true
	case "sendonly":
		return SendOnly, true
	case "recvonly":
		return RecvOnly, true
	case "inactive":
		return Inactive, true
	}
	return SendRecv, false
}

// findDirection returns the first direction attribute among lines and where
// it stands, or -1.
func findDirection(lines []string) (Direction, int) {
	const end = len("a=sendrecv") // the names are equally long
	for i, line := range lines {
		if len(line) < end {
			continue
		}
		if d, ok := parseDirection(line[2:end]); ok && isAttribute(line, line[2:end]) {
			return d, i
		}
	}
	return SendRecv, -1
}
