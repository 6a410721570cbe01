package bridge

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"b2bua/cdr"
	"b2bua/legs"
	"b2bua/legs/shard"
)

// An Image is all that one shard remembers of its calls: with it they go on in
// another place as if nothing had happened. It is plain data.
type Image struct {
	Legs    legs.Image    `json:"legs"`
	Calls   []CallState   `json:"calls"`
	Waiting []*cdr.Record `json:"waiting"` // closed, and not taken by the journal yet
}

// The names of what a call has scheduled.
const (
	ringAlarm    = "ring"
	journalAlarm = "journal"
	endedAlarm   = "ended"
)

// Renew writes all calls of a shard out, as JSON, and goes on with what is read
// back: calls, legs and transactions are new, media ports stay open. It returns
// what was written. The error is legs.ErrBusy when a leg waits for an address or a
// connection; nothing has happened then. It must be called by what was posted.
func (b *Bridge) Renew(c *legs.Core) ([]byte, error) {
	raw, media, err := b.write(c)
	if err != nil {
		return nil, err
	}
	return raw, b.read(c, raw, media)
}

// write is the shard's Image, and what the relay keeps for each call by its ref.
func (b *Bridge) write(c *legs.Core) ([]byte, map[uint64]*handles, error) {
	var img Image
	media := map[uint64]*handles{}
	cell := &b.cells[c.Shard()]
	for k := range cell.calls.All() {
		s, h := k.save()
		img.Calls = append(img.Calls, s)
		media[k.ref] = h
	}
	slices.SortFunc(img.Calls, func(a, b CallState) int { return strings.Compare(a.Record.CallID, b.Record.CallID) })
	var err error
	img.Legs, err = c.Image(func(w legs.Wakeable) string {
		switch w := w.(type) {
		case *attempt:
			if k := w.call; cell.call(k.ref) == k && k.attempt == w {
				return alarmName(ringAlarm, k.ref)
			}
		case *unwritten:
			if k := (*call)(w); cell.call(k.ref) == k && k.m.Phase == Answering {
				return alarmName(journalAlarm, k.ref)
			}
		case *ended:
			img.Waiting = append(img.Waiting, w.rec)
			return alarmName(endedAlarm, uint64(len(img.Waiting)-1))
		}
		return ""
	})
	if err != nil {
		return nil, nil, err
	}
	raw, err := json.Marshal(&img)
	return raw, media, err
}

// read replaces all that the shard remembers. Places on trunks are passed on, not
// taken anew.
func (b *Bridge) read(c *legs.Core, raw []byte, media map[uint64]*handles) error {
	var img Image
	if err := json.Unmarshal(raw, &img); err != nil {
		return fmt.Errorf("bridge: image: %w", err)
	}
	arm, err := c.Load(&img.Legs)
	if err != nil {
		return err
	}
	cell := &b.cells[c.Shard()]
	for k := range cell.calls.All() {
		k.b = nil // whoever still has it will notice
	}
	cell.calls = shard.Index[*call]{}
	for i := range img.Calls {
		s := &img.Calls[i]
		h := media[s.Ref]
		if h == nil {
			h = &handles{}
		}
		k, err := b.load(c, s, h)
		if err != nil {
			return err
		}
		cell.calls.Add(k.ref, k)
	}
	arm(func(name string) (legs.Wakeable, *legs.Alarm) {
		kind, n := alarmOf(name)
		k := cell.call(n)
		switch {
		case kind == endedAlarm && n < uint64(len(img.Waiting)):
			return &ended{b: b, rec: img.Waiting[n]}, nil
		case kind == ringAlarm && k != nil && k.attempt != nil:
			return k.attempt, &k.attempt.alarm
		case kind == journalAlarm && k != nil && k.attempt != nil:
			return (*unwritten)(k), &k.attempt.alarm
		}
		return nil, nil
	})
	return nil
}

func alarmName(kind string, n uint64) string { return kind + " " + strconv.FormatUint(n, 10) }

func alarmOf(name string) (kind string, n uint64) {
	kind, digits, _ := strings.Cut(name, " ")
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return "", 0
	}
	return kind, n
}
