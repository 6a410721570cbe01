package policy

import "strings"

// A user part becomes the number that routing compares, and that a target
// sends, by one rule that needs no configuration:
//
//   - What looks like a telephone number (an optional leading +, then digits,
//     * and #) loses its visual separators - . ( ), which RFC 3966 §5.1.1 says
//     carry no meaning, and the parameters after ; (RFC 3261 §19.1.6), which
//     are no part of the number.
//   - Everything else ("alice", "sales.berlin", "%23") is compared as it came,
//     case-sensitively (RFC 3261 §19.1.4).
//
// A leading + is a character like any other: the prefix "33" does not match
// "+33123456789", and "+33" does not match "33123456789". In a plan with both
// national and international numbers, "33" may be an extension and "+33"
// France; guessing would send calls to the wrong party. Explain says when a +
// is all that keeps a route from matching.

// number returns the number that routing uses for a user part. It allocates
// only when there is a separator to remove.
func number(user string) string {
	main, _, _ := strings.Cut(user, ";")
	digits, separators := 0, 0
	for i := range len(main) {
		switch c := main[i]; {
		case isDial(c):
			digits++
		case isSeparator(c):
			separators++
		case c == '+' && i == 0:
		default:
			return user
		}
	}
	if digits == 0 {
		return user
	}
	if separators == 0 {
		return main
	}
	var b strings.Builder
	b.Grow(len(main) - separators)
	for i := range len(main) {
		if !isSeparator(main[i]) {
			b.WriteByte(main[i])
		}
	}
	return b.String()
}

func isDial(c byte) bool { return c >= '0' && c <= '9' || c == '*' || c == '#' }

func isSeparator(c byte) bool { return c == '-' || c == '.' || c == '(' || c == ')' }
