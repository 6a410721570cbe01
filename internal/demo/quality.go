package demo

import (
	"fmt"
	"time"
)

// Quality is what one telephone heard.
type Quality struct {
	Talked  time.Duration // how long the far side talked
	Packets int
	Lost    int
	Jitter  time.Duration // RFC 3550 §6.4.1
	Wanted  float64       // amplitude of the tone it should hear; about 4000 when all is well
	Other   float64       // amplitude of the tone it should not: its own
}

// What a tone is, and what is not one. The telephones send an amplitude of 8000,
// which [power] measures as 4000.
const (
	audible = 1000 // at least
	purity  = 50   // times the other tone
)

// Fault says what is wrong with what was heard, "" when the far tone and only
// that came through, without gaps.
func (q Quality) Fault() string {
	expected := int(q.Talked / ptime)
	switch {
	case q.Packets == 0:
		return "heard nothing at all"
	case q.Other >= audible && q.Other > q.Wanted:
		return "heard itself"
	case q.Wanted < audible:
		return "heard silence"
	case q.Other*purity > q.Wanted:
		return "heard itself too"
	case q.Packets*2 < expected:
		return fmt.Sprintf("heard %d of %d packets", q.Packets, expected)
	case q.Lost*20 > q.Packets: // 5 % is what one begins to hear
		return fmt.Sprintf("lost %d of %d packets", q.Lost, q.Packets+q.Lost)
	}
	return ""
}
