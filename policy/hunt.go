package policy

// The words of a hunt_on list that are not SIP statuses.
const (
	HuntTransport = "transport" // the request could not be delivered
	HuntTimeout   = "timeout"   // no answer came in time
)

// HuntOn is a checked hunt_on list in canonical order: statuses ascending,
// then transport, then timeout. It is shared with the snapshot: read only.
// The zero value never hunts.
type HuntOn []string

// OnStatus reports whether the next target is tried after a final response
// with this status.
func (h HuntOn) OnStatus(status int) bool { return false }

// OnTransport reports whether the next target is tried when the request could
// not be delivered.
func (h HuntOn) OnTransport() bool { return false }

// OnTimeout reports whether the next target is tried when no answer came in
// time.
func (h HuntOn) OnTimeout() bool { return false }
