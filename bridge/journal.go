package bridge

import (
	"sync"

	"b2bua/cdr"
	"b2bua/legs"
)

// journalAnswer writes the answer record; the caller is answered when it is on
// disk. A full queue is the same as a disk that refuses.
func (k *call) journalAnswer(c *legs.Core) {
	k.attempt.alarm.Stop()
	b, r := k.b, k.rec
	cell, ref := &b.cells[c.Shard()], k.ref // the call may be written out and read in meanwhile
	r.answered, k.answered = stamp(c), c.Now()
	r.AnsweredAt, r.Media = &r.answered, k.media.stats(&r.media, cell.streams[:])
	ok := b.cfg.Journal.Queue(cdr.Answered, &r.Record, func(err error) {
		cell.news.add(written{ref, err})
		c.Post(b.tell)
	})
	r.Media, r.media = nil, cdr.Media{} // as they stood; counted again at the end
	if !ok {
		k.apply(c, event{in: Unjournaled})
		return
	}
	c.Set(&k.attempt.alarm, c.Now().Add(b.cfg.JournalPatience), (*unwritten)(k))
}

// written is what became of an answer record.
type written struct {
	ref uint64
	err error
}

// journaled takes the next news from the disk: as many as there are news are
// posted, so that the fence ends one call for a fault in it, and no other's is
// lost.
func (b *Bridge) journaled(c *legs.Core) {
	w := b.cells[c.Shard()].news.take()
	k := b.call(c, w.ref)
	if k == nil {
		return
	}
	c.Blame(k)
	in := Journaled
	if w.err != nil {
		b.log.Error("an answer could not be recorded", "call_id", k.rec.CallID, "err", w.err)
		in = Unjournaled
	}
	k.apply(c, event{in: in})
}

// unwritten gives up on an answer record.
type unwritten call

// Owner lets the panic fence know whose timer it is.
func (u *unwritten) Owner() any { return (*call)(u) }

// Wake is the end of the journal's time.
func (u *unwritten) Wake(c *legs.Core) {
	k := (*call)(u)
	if k.m.Phase == Answering {
		k.b.log.Error("an answer could not be recorded in time", "call_id", k.rec.CallID)
		k.apply(c, event{in: Unjournaled})
	}
}

// news is what a journal says to one shard, the first first. It allocates nothing
// but room for as much as has ever waited at once.
type news struct {
	mu   sync.Mutex // guards the following fields
	list []written
	next int // the first that has not been taken
}

func (n *news) add(w written) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list, w)
}

// take returns the first. There must be one.
func (n *news) take() written {
	n.mu.Lock()
	defer n.mu.Unlock()
	w := n.list[n.next]
	n.list[n.next] = written{}
	if n.next++; n.next == len(n.list) {
		n.list, n.next = n.list[:0], 0
	}
	return w
}
