package policy

import (
	"slices"
	"strconv"
)

// The words of a hunt_on list that are not SIP statuses.
const (
	HuntTransport = "transport" // the request could not be delivered
	HuntTimeout   = "timeout"   // no answer came in time
)

// Bounds of the statuses in a hunt_on list: failures and refusals of RFC 3261
// §21.4 to §21.6. Redirects are not hunted.
const (
	minHuntStatus = 400
	maxHuntStatus = 699
)

// HuntOn is a checked hunt_on list in canonical order: statuses ascending,
// then transport, then timeout. It is shared with the snapshot: read only.
// The zero value never hunts.
type HuntOn []string

// OnStatus reports whether the next target is tried after a final response
// with this status. It does not allocate.
func (h HuntOn) OnStatus(status int) bool {
	if status < minHuntStatus || status > maxHuntStatus {
		return false
	}
	for _, word := range h {
		if len(word) == 3 && int(word[0]-'0')*100+int(word[1]-'0')*10+int(word[2]-'0') == status {
			return true
		}
	}
	return false
}

// OnTransport reports whether the next target is tried when the request could
// not be delivered.
func (h HuntOn) OnTransport() bool { return slices.Contains(h, HuntTransport) }

// OnTimeout reports whether the next target is tried when no answer came in
// time.
func (h HuntOn) OnTimeout() bool { return slices.Contains(h, HuntTimeout) }

// validHuntWord reports whether word may stand in a hunt_on list.
func validHuntWord(word string) bool {
	if word == HuntTransport || word == HuntTimeout {
		return true
	}
	status, err := strconv.Atoi(word)
	return err == nil && len(word) == 3 && status >= minHuntStatus && status <= maxHuntStatus
}

// compileHuntOn puts checked words into canonical order. Digits sort before
// letters, so only the two words need care.
func compileHuntOn(words []string) HuntOn {
	h := HuntOn(slices.Clone(words))
	slices.SortFunc(h, func(a, b string) int {
		return huntRank(a) - huntRank(b)
	})
	return h
}

func huntRank(word string) int {
	switch word {
	case HuntTransport:
		return maxHuntStatus + 1
	case HuntTimeout:
		return maxHuntStatus + 2
	}
	status, _ := strconv.Atoi(word)
	return status
}
