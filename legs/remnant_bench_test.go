package legs

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"
	"time"

	"b2bua/legs/shard"
	"b2bua/legs/sipmsg"
)

// BenchmarkCollect is the garbage collector with 30,000 calls that have ended less
// than 64*T1 ago.
func BenchmarkCollect(b *testing.B) {
	r := newRelay(b)
	r.lab.stack.newSeed = func(id shard.ID) shard.Seed { return shard.NewSeed(1, id) }
	r.lab.stack.memory.spoil, r.lab.stack.images.spoil = nil, false
	for i := range 30000 {
		d := r.establish(fmt.Sprintf("memory-%d-0123456789abcdef", i))
		r.lab.hear(labPeer, d.bye)
		r.lab.hear(labPeer, bytesOf(b, sipmsg.NewResponse(r.find("BYE", 0), 200, "", "")))
		r.forget()
	}
	r.lab.pass(6 * time.Second)
	r.forget()
	runtime.GC()
	for b.Loop() {
		runtime.GC()
	}
	b.ReportMetric(float64(heap())/30000, "B/call")
	runtime.KeepAlive(r)
}

// BenchmarkCallAmongOthers is one of 250 calls a second, on all shards: 8000 others have
// ended less than 64*T1 ago.
func BenchmarkCallAmongOthers(b *testing.B) {
	r := newRelay(b)
	r.lab.stack.memory.spoil, r.lab.stack.images.spoil = nil, false
	var call, seeds uint64
	r.lab.stack.newSeed = func(id shard.ID) shard.Seed { // the same ids of a call every time
		seeds++
		s := shard.Seed{Node: 1, Shard: id}
		binary.BigEndian.PutUint64(s.Key[:], call)
		binary.BigEndian.PutUint64(s.Key[8:], seeds)
		return s
	}
	calls := make([]dialogue, 10000)
	for i := range calls {
		call, seeds = uint64(i), 0
		d := r.establish(fmt.Sprintf("steady-%d", i))
		r.lab.hear(labPeer, d.bye)
		d.byeOK = bytesOf(b, sipmsg.NewResponse(r.find("BYE", 0), 200, "", ""))
		r.lab.hear(labPeer, d.byeOK)
		r.forget()
		r.lab.pass(4 * time.Millisecond)
		calls[i] = d
	}
	r.lab.deaf = true
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		call, seeds = uint64(i%len(calls)), 0
		d := &calls[call]
		for _, raw := range [...][]byte{d.invite, d.ringing, d.ok, d.ack, d.bye, d.byeOK} {
			r.lab.hear(labPeer, raw)
		}
		r.lab.pass(4 * time.Millisecond)
		r.lab.in, r.lab.invs = r.lab.in[:0], r.lab.invs[:0]
	}
	if r.lab.crashes > 0 {
		b.Error("crashed")
	}
}
