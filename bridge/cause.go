package bridge

import (
	"strconv"
	"strings"

	"b2bua/cdr"
)

// cause is the Q.850 cause of an ended call: what a Reason header said, else
// normal clearing of an answered call, else what the status stands for (RFC 3398
// §8.2.6.1).
func cause(r *cdr.Record, reason string) (n int, ok bool) {
	if n, ok = reasonCause(reason); ok {
		return n, true
	}
	switch {
	case r.AnsweredAt != nil:
		return 16, true
	case r.SIPStatus != nil:
		return causeOf(*r.SIPStatus), true
	}
	return 0, false
}

// reasonCause reads the cause of a Q.850 Reason header (RFC 3326 §2).
func reasonCause(reason string) (int, bool) {
	if reason == "" {
		return 0, false
	}
	for value := range strings.SplitSeq(unquoted(reason), ",") {
		parts := strings.Split(value, ";")
		if !strings.EqualFold(strings.TrimSpace(parts[0]), "Q.850") {
			continue
		}
		for _, p := range parts[1:] {
			name, v, _ := strings.Cut(p, "=")
			n, err := strconv.Atoi(strings.TrimSpace(v))
			if err == nil && strings.EqualFold(strings.TrimSpace(name), "cause") && n > 0 && n < 128 {
				return n, true
			}
		}
	}
	return 0, false
}

// unquoted leaves out quoted strings, whose commas and semicolons separate
// nothing.
func unquoted(s string) string {
	quoted, escaped := false, false
	return strings.Map(func(r rune) rune {
		switch {
		case escaped:
			escaped = false
			return -1
		case quoted && r == '\\':
			escaped = true
			return -1
		case r == '"':
			quoted = !quoted
			return -1
		case quoted:
			return -1
		}
		return r
	}, s)
}

// causeOf maps a SIP status to Q.850 (RFC 3398 §8.2.6.1).
func causeOf(status int) int {
	switch status {
	case 401, 402, 403, 407, 603:
		return 21
	case 404, 485, 604:
		return 1
	case 405, 416, 421, 493, 501:
		return 63
	case 406, 415, 488, 606:
		return 88
	case 408, 504:
		return 102
	case 410:
		return 22
	case 413, 414, 420, 505, 513:
		return 127
	case 480:
		return 18
	case 482, 483:
		return 25
	case 484:
		return 28
	case 486, 600:
		return 17
	case 487:
		return 16
	case 502:
		return 38
	case 500, 503:
		return 41
	}
	return 31
}
