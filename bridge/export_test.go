package bridge

import (
	"context"

	"b2bua/legs"
)

// Taken returns how many places calls take on each trunk that has any.
func (b *Bridge) Taken() map[string]int {
	b.limits.mu.Lock()
	defer b.limits.mu.Unlock()
	taken := map[string]int{}
	for name, l := range b.limits.trunks {
		if l.calls != 0 {
			taken[name] = l.calls
		}
	}
	return taken
}

// Fault has work for a call panic.
func (b *Bridge) Fault(callID string) error {
	return b.visit(context.Background(), callID, func(*legs.Core, *call) { panic("a fault of ours") })
}
