package bridge_test

import (
	"context"
	"errors"
	"testing"

	"b2bua/bridge"
	"b2bua/cdr"
)

// Every phase as the API sees it, and ended over it.
func TestAPI(t *testing.T) {
	t.Parallel()
	phases := map[string]struct {
		bring func(r *rig) *dial // to the phase
		end   func(d *dial)      // what the two ends see of a hang-up
		check func(rec cdr.Record) bool
	}{
		"dialing": {
			func(r *rig) *dial { return r.invite() },
			func(d *dial) { d.says(100, nil); d.cancelled(); d.hears("480") },
			func(rec cdr.Record) bool { return rec.RingingAt == nil && len(rec.Attempts) == 1 },
		},
		"ringing": {
			func(r *rig) *dial { d := r.invite(); d.says(180, nil); d.hears("180"); return d },
			func(d *dial) { d.cancelled(); d.hears("480") },
			func(rec cdr.Record) bool { return rec.RingingAt != nil && rec.PDDMS != nil && rec.AnsweredAt == nil },
		},
		"answering": {
			func(r *rig) *dial {
				r.holdJournal()
				d := r.invite()
				d.says(200, gateSDP(d.gate))
				d.gate.Expect("ACK")
				r.until("the record is on its way", func() bool { return r.journal.count(cdr.Answered) == 1 })
				return d
			},
			func(d *dial) { d.calledGets("BYE"); d.hears("480") },
			func(rec cdr.Record) bool { return rec.AnsweredAt != nil },
		},
		"talking": {
			func(r *rig) *dial { return r.call() },
			func(d *dial) { d.callerGets("BYE"); d.calledGets("BYE") },
			func(rec cdr.Record) bool {
				return rec.AnsweredAt != nil && *rec.SIPStatus == 200 && rec.Attempts[0].AnsweredAt != nil
			},
		},
	}
	for name, tt := range phases {
		for _, how := range []string{"hangup", "end all"} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, 1)
				d := tt.bring(r)
				list, err := r.bridge.List(t.Context())
				if err != nil || len(list) != 1 || !list[0].Live() || !tt.check(list[0]) {
					t.Fatalf("%v, %+v", err, list)
				}
				one, err := r.bridge.Get(t.Context(), list[0].CallID)
				if err != nil || one.CallID != list[0].CallID || one.DurationMS < list[0].DurationMS {
					t.Errorf("%v, %+v", err, one)
				}
				end, status := cdr.EndAPI, 480
				if how == "hangup" {
					err = r.bridge.Hangup(t.Context(), one.CallID)
				} else {
					end, status = cdr.EndShutdown, 503
					err = r.bridge.EndAll(t.Context(), end)
				}
				if err != nil {
					t.Fatal(err)
				}
				if r.bridge.Live() != 0 {
					t.Error("still live")
				}
				if how == "hangup" || name == "talking" {
					tt.end(d)
				} else {
					d.endsWith(name)
				}
				if name == "talking" {
					status = 200
				}
				rec := r.ends(end, cdr.BySystem, status)
				if rec.CallID != one.CallID {
					t.Errorf("another call's record: %+v", rec)
				}
			})
		}
	}
}

// endsWith is what both ends see when the process stops before the answer.
func (d *dial) endsWith(phase string) {
	d.r.t.Helper()
	if phase == "answering" {
		d.calledGets("BYE")
	} else {
		d.says(100, nil)
		d.cancelled()
	}
	d.hears("503")
}

func TestNoCall(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	if list, err := r.bridge.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	d := r.call()
	list, err := r.bridge.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d.callerBye()
	for _, id := range []string{list[0].CallID, "", "no such call"} {
		if _, err := r.bridge.Get(t.Context(), id); !errors.Is(err, bridge.ErrNoCall) || !errors.Is(err, cdr.ErrNotFound) {
			t.Errorf("Get(%q): %v", id, err)
		}
		if err := r.bridge.Hangup(t.Context(), id); !errors.Is(err, bridge.ErrNoCall) {
			t.Errorf("Hangup(%q): %v", id, err)
		}
	}
	r.record()
}

// Nobody waits longer than they said.
func TestAPIGivesUp(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	d := r.call()
	list, err := r.bridge.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("client went away")
	cancel(why)
	if _, err := r.bridge.List(ctx); err != nil && !errors.Is(err, why) {
		t.Errorf("List: %v", err)
	}
	if _, err := r.bridge.Get(ctx, list[0].CallID); err != nil && !errors.Is(err, why) {
		t.Errorf("Get: %v", err)
	}
	d.callerBye()
	r.record()
}

// A bridge that has no stack yet knows no calls.
func TestUnbound(t *testing.T) {
	t.Parallel()
	if _, err := bridge.New(bridge.Config{}); err == nil {
		t.Error("a bridge of nothing")
	}
	r := newRig(t, 0, func(c *config) { c.carrier().Gateways = nil; c.carrier().Sources = []string{"127.0.0.1/32"} })
	b, err := bridge.New(r.config.bridge)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := b.List(t.Context()); err != nil || list != nil {
		t.Errorf("%v, %v", list, err)
	}
	if err := b.EndAll(t.Context(), cdr.EndShutdown); err != nil {
		t.Error(err)
	}
	if err := b.Hangup(t.Context(), "x"); !errors.Is(err, bridge.ErrNoCall) {
		t.Error(err)
	}
	b.MediaEvents(nil)
}
