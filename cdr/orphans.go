package cdr

import "time"

// endOrphans writes the end of every call that the last process left live.
func (j *Journal) endOrphans(rp *replay) error {
	var items []item
	size := 0
	put := func() error {
		err := j.put(items)
		items, size = items[:0], 0
		return err
	}
	for id, o := range rp.live {
		it, err := j.endOrphan(o, rp.lastSeen[o.run])
		if err != nil {
			j.cfg.Logger.Error("journal: the record of an orphaned call cannot be read", "call_id", id, "err", err)
			delete(j.live, id) // its segment stays
			continue
		}
		j.recovered.Orphans++
		j.cfg.Metrics.orphans.Inc()
		items = append(items, it)
		if size += len(it.frame); size >= writeChunk {
			if err := put(); err != nil {
				return err
			}
		}
	}
	return put()
}

func (j *Journal) endOrphan(o orphan, lastSeen int64) (item, error) {
	frame, err := j.readEntry(o.place)
	if err != nil {
		return item{}, err
	}
	r, err := decodeRecord(frame[frameHeader:])
	if err != nil {
		return item{}, err
	}
	endByNodeFailure(r, time.UnixMicro(lastSeen).UTC())
	it := item{mark: Ended, callID: r.CallID}
	it.frame, _, err = encodeRecord(Ended, r, j.cfg.Now())
	return it, err
}

// endByNodeFailure ends a call, and its attempts that are under way, at the
// moment its process was last known to be alive, which is never before
// anything that the record itself tells.
func endByNodeFailure(r *Record, lastSeen time.Time) {
	end := latest(&lastSeen, &r.StartedAt, r.RingingAt, r.AnsweredAt)
	for i := range r.Attempts {
		a := &r.Attempts[i]
		end = latest(&end, &a.StartedAt, a.RingingAt, a.AnsweredAt, a.EndedAt)
	}
	reason, by := EndNodeFailure, BySystem
	r.EndedAt, r.EndReason, r.HungUpBy = &end, &reason, &by
	r.DurationMS, r.BillableMS = milliseconds(&r.StartedAt, end), milliseconds(r.AnsweredAt, end)
	for i := range r.Attempts {
		if a := &r.Attempts[i]; a.EndedAt == nil {
			a.EndedAt, a.EndReason = &end, &reason
			a.BillableMS = milliseconds(a.AnsweredAt, end)
		}
	}
}

func latest(times ...*time.Time) (last time.Time) {
	for _, t := range times {
		if t != nil && t.After(last) {
			last = *t
		}
	}
	return last
}

// milliseconds returns the time from a moment to end; 0 when it never came.
func milliseconds(from *time.Time, end time.Time) int64 {
	if from == nil {
		return 0
	}
	return end.Sub(*from).Milliseconds()
}
