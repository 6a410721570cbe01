package sdp

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// An AnswerFault is the kind of rule that an answer broke.
type AnswerFault uint8

// The faults, worst first.
const (
	FaultCount     AnswerFault = iota // another number of m-lines, RFC 3264 §6
	FaultKind                         // another media type at the same place, §6
	FaultRejected                     // a stream that the offer had disabled came alive, §8.2
	FaultProto                        // another transport, §6
	FaultFormat                       // no format in common, §6.1
	FaultDirection                    // a direction that the offer does not allow, §6.1
)

// String returns the fault in a word.
func (f AnswerFault) String() string {
	names := [...]string{"count", "kind", "rejected", "proto", "format", "direction"}
	if int(f) < len(names) {
		return names[f]
	}
	return "unknown"
}

// An AnswerError says how an answer does not fit its offer.
type AnswerError struct {
	Fault AnswerFault
	Media int    // index of the m-line, from 0; -1 when it is about the whole answer
	Text  string // what was offered and what came
}

// Error names the m-line, counted from 1 as people do, and the fault.
func (e *AnswerError) Error() string {
	if e.Media < 0 {
		return "sdp: answer: " + e.Text
	}
	return fmt.Sprintf("sdp: answer: m-line %d: %s", e.Media+1, e.Text)
}

// CheckAnswer reports whether answer may answer offer: the same m-lines in
// number, order, kind and transport; disabled ones still disabled; at least
// one format in common on each live one; directions that fit (RFC 3264 §6).
// Formats that the offer did not list are legal beside a common one (§6.1). A
// m-line that the answer rejects needs only the kind.
//
// The error is a [*AnswerError]. A FaultDirection is returned only when there
// is no other fault, so a caller that wants to mend it with [Direction.Answer]
// may do so and go on.
func CheckAnswer(offer, answer *Session) error {
	if len(offer.media) != len(answer.media) {
		return &AnswerError{FaultCount, -1, fmt.Sprintf("%d m-lines offered, %d answered", len(offer.media), len(answer.media))}
	}
	for i, o := range offer.media {
		if e := checkMedia(o, answer.media[i]); e != nil {
			e.Media = i
			return e
		}
	}
	for i, o := range offer.media {
		a := answer.media[i]
		if !a.Disabled() && !a.Direction().Legal(o.Direction()) {
			return &AnswerError{FaultDirection, i, fmt.Sprintf("%s offered, %s answered", o.Direction(), a.Direction())}
		}
	}
	return nil
}

func checkMedia(o, a *Media) *AnswerError {
	of, af := o.fields(), a.fields()
	switch {
	case !strings.EqualFold(of.kind, af.kind):
		return &AnswerError{Fault: FaultKind, Text: fmt.Sprintf("%s offered, %s answered", of.kind, af.kind)}
	case a.disabled(&af):
		return nil
	case o.disabled(&of):
		return &AnswerError{Fault: FaultRejected, Text: "disabled in the offer, live in the answer"}
	case !strings.EqualFold(of.proto, af.proto):
		return &AnswerError{Fault: FaultProto, Text: fmt.Sprintf("%s offered, %s answered", of.proto, af.proto)}
	case !shareFormat(o, a, &of, &af):
		return &AnswerError{Fault: FaultFormat, Text: fmt.Sprintf("no format in common: %s offered, %s answered",
			strings.Join(o.Formats(), " "), strings.Join(a.Formats(), " "))}
	}
	return nil
}

// shareFormat compares encodings for RTP, because the answerer may number a
// dynamic payload type as it likes (RFC 3264 §6.1), and tokens for the rest.
func shareFormat(o, a *Media, of, af *mediaFields) bool {
	if !of.rtp() {
		offered := o.Formats()
		return slices.ContainsFunc(a.Formats(), func(f string) bool {
			return slices.ContainsFunc(offered, func(g string) bool { return strings.EqualFold(f, g) })
		})
	}
	if shareNumber(o, a, of.payloadSet(), af.payloadSet()) {
		return true
	}
	offered := o.Codecs()
	return slices.ContainsFunc(a.Codecs(), func(c Codec) bool {
		return slices.ContainsFunc(offered, c.Same)
	})
}

// shareNumber reports whether a payload type stands for the same encoding on both
// sides, as it nearly always does.
func shareNumber(o, a *Media, offered, answered [2]uint64) bool {
	for i := range offered {
		for both := offered[i] & answered[i]; both != 0; both &= both - 1 {
			pt := uint8(i*64 + bits.TrailingZeros64(both))
			if o.Codec(pt).Same(a.Codec(pt)) {
				return true
			}
		}
	}
	return false
}
