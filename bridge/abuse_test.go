package bridge_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"b2bua/internal/siptest"
	"b2bua/rtprelay"
)

// accidents are what can happen to one datagram of a call without the call
// going another way.
var accidents = []siptest.Fate{
	{Lost: true},
	{Copies: 1},
	{Delay: 700 * time.Millisecond},
	{Delay: 4500 * time.Millisecond}, // T4 is how long the RFC lets one travel
	{Behind: 1},
	{Behind: 3},
}

// act plays a scene on a network that does what fates says, and fails with the
// whole run when something does not hold.
func act(t tb, relay *rtprelay.Relay, s scene, fates []siptest.Fate, stories []string) *world {
	t.Helper()
	return play(t, newWorld(t, relay, s, fates), stories)
}

// play has the call of a world happen.
func play(t tb, w *world, stories []string) *world {
	t.Helper()
	watch := &watch{tb: t}
	w.t = watch
	w.call()
	w.check()
	if got := w.story(); stories != nil && !slices.Contains(stories, got) {
		watch.Errorf("it went: %s\nwanted:  %s", got, strings.Join(stories, "\n         "))
	}
	if watch.failed {
		t.Fatalf("%s\n%s", w.name, w.net)
	}
	return w
}

// A watch notices a failure.
type watch struct {
	tb
	failed bool
}

func (w *watch) Errorf(format string, args ...any) {
	w.failed = true
	w.tb.Errorf(format, args...)
}

// Every datagram of every scene meets with every accident, one at a time.
func TestOneAccident(t *testing.T) { //nolint:tparallel // one relay for all
	t.Parallel()
	relay := newRelay(t)
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			first := act(t, relay, s, nil, s.stories[:1])
			for k := range first.net.Sent() {
				for _, fate := range accidents {
					play(t, first.newWorld(t, s, at(k, fate)), s.stories)
				}
			}
		})
	}
}

// Any two accidents that RFC 3261's repetitions outlive.
func TestTwoAccidents(t *testing.T) {
	t.Parallel()
	relay := newRelay(t)
	rapid.Check(t, func(rt *rapid.T) {
		s := rapid.SampledFrom(scenes).Draw(rt, "scene")
		fates := make([]siptest.Fate, 24)
		for range 2 {
			fates[rapid.IntRange(0, len(fates)-1).Draw(rt, "datagram")] = rapid.SampledFrom(accidents).Draw(rt, "accident")
		}
		act(rt, relay, s, fates, s.stories)
	})
}

func at(k int, fate siptest.Fate) []siptest.Fate { return append(make([]siptest.Fate, k), fate) }

// Anything may happen to every datagram. How the call goes is anybody's guess;
// what must hold, holds.
func TestManyAccidents(t *testing.T) {
	t.Parallel()
	relay := newRelay(t)
	rapid.Check(t, func(rt *rapid.T) {
		s := rapid.SampledFrom(scenes).Draw(rt, "scene")
		act(rt, relay, s, rapid.SliceOfN(fate(), 0, 60).Draw(rt, "fates"), nil)
	})
}

// fate is good in half of the cases.
func fate() *rapid.Generator[siptest.Fate] {
	return rapid.Custom(func(rt *rapid.T) (f siptest.Fate) {
		switch rapid.IntRange(0, 7).Draw(rt, "fate") {
		case 4:
			f.Copies = rapid.IntRange(1, 3).Draw(rt, "copies")
		case 5:
			f.Delay = time.Duration(rapid.IntRange(1, 4900).Draw(rt, "delay")) * time.Millisecond
		case 6:
			f.Behind = rapid.IntRange(1, 8).Draw(rt, "behind")
		case 7:
			f.Lost = true
		}
		return f
	})
}

// GoString keeps the account of a failure short (fmt.GoStringer).
func (s scene) GoString() string { return fmt.Sprintf("%q", s.name) }
