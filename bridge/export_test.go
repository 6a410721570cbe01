package bridge

import (
	"context"

	"b2bua/legs"
	"b2bua/legs/shard"
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

// Break has a later step of every call panic: the answer to the caller.
func (m *Metrics) Break() { m.answered = nil }

// Keeps lists what a call still has of the way to its answer.
func (b *Bridge) Keeps(callID string) (list []string, err error) {
	err = b.visit(context.Background(), callID, func(_ *legs.Core, k *call) {
		for what, kept := range map[string]bool{
			"the INVITE": k.setup != setup{}, "the reply": k.reply.body.Data != nil || k.reply.headers != nil,
			"the offer": k.media.offer != nil, "the figures": k.rec.Media != nil,
			"the targets": k.m.Targets != nil, "the target": k.attempt.target != nil, "the ring timer": k.attempt.alarm.Waits(),
			"the attempt's offer": k.attempt.media.offer != nil, "its answer": k.attempt.media.answer != nil,
		} {
			if kept {
				list = append(list, what)
			}
		}
	})
	return list, err
}

// Used lists the shards that have ever had a call.
func (b *Bridge) Used() (list []shard.ID) {
	for i := range b.cells {
		if b.cells[i].last > 0 {
			list = append(list, shard.ID(i))
		}
	}
	return list
}

// Up returns how many calls are up, without those whose records are waiting.
func (b *Bridge) Up() int { return int(b.live.Load()) }
