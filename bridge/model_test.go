package bridge_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"b2bua/bridge"
	"b2bua/cdr"
	"b2bua/internal/siptest"
	"b2bua/legs"
	"b2bua/legs/transport"
	"b2bua/rtprelay"
)

// A script is a whole call: what everybody means to do, and what the network and
// the disk make of it.
type script struct {
	scene
	fates  []siptest.Fate
	disk   disk
	end    time.Duration // when the bridge ends all calls; 0: when nobody has anything left to do
	thrice bool          // the API hangs up again and again
}

// GoString keeps the account of a failure short (fmt.GoStringer).
func (s script) GoString() string {
	type plain struct {
		caller    siptest.Habits
		gates     []siptest.Habits
		stop, end time.Duration
		fates     int
		full      int
		slow      time.Duration
		err       error
		thrice    bool
	}
	return fmt.Sprintf("%+v", plain{s.caller, s.gates, s.stop, s.end, len(s.fates), s.disk.full, s.disk.slow, s.disk.err, s.thrice})
}

// span draws a time; in half of the cases one of few, so that things happen at
// once.
func span(rt *rapid.T, what string, most time.Duration) time.Duration {
	if rapid.Bool().Draw(rt, what+" crowded") {
		return rapid.SampledFrom([]time.Duration{0, 10 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second}).Draw(rt, what)
	}
	return time.Duration(rapid.Int64Range(0, most.Milliseconds()).Draw(rt, what)) * time.Millisecond
}

// maybe is never in one of n cases.
func maybe(rt *rapid.T, what string, n int, most time.Duration) time.Duration {
	if rapid.IntRange(1, n).Draw(rt, what+" at all") == 1 {
		return never
	}
	return span(rt, what, most)
}

// manners are what either side may do in a dialog.
func manners(rt *rapid.T, h *siptest.Habits) {
	h.Hangup = maybe(rt, "hangup", 3, 20*time.Second)
	h.Reanswer = span(rt, "reanswer", 3*time.Second)
	h.Rerefuse = rapid.SampledFrom([]int{0, 0, 0, 0, 488, 491, 481, 500}).Draw(rt, "rerefuse")
	for range rapid.IntRange(0, 3).Draw(rt, "reoffers") {
		r := siptest.Reoffer{
			After: span(rt, "after", 15*time.Second),
			Flow:  rapid.SampledFrom([]string{"", "sendonly", "inactive"}).Draw(rt, "flow"),
			Port:  rapid.SampledFrom([]uint16{0, 4000, 4002}).Draw(rt, "port"),
		}
		if rapid.IntRange(0, 3).Draw(rt, "taken back") == 0 {
			r.Cancel = 1 + span(rt, "takes back", 3*time.Second)
		}
		h.Reoffers = append(h.Reoffers, r)
	}
}

func drawScript(rt *rapid.T) script {
	s := script{scene: scene{name: "model"}}
	manners(rt, &s.caller)
	if rapid.IntRange(0, 3).Draw(rt, "cancels") == 0 {
		s.caller.Cancel = 1 + span(rt, "cancel", 5*time.Second)
	}
	for range rapid.IntRange(1, len(worldGates)).Draw(rt, "gates") {
		h := siptest.Habits{Ring: maybe(rt, "ring", 4, 3*time.Second), Answer: maybe(rt, "answer", 8, 5*time.Second)}
		if h.Status = rapid.SampledFrom([]int{0, 0, 0, 0, 0, 503, 486, 302, 408}).Draw(rt, "status"); h.Status == 0 {
			h.Forks = rapid.SampledFrom([]int{0, 0, 0, 0, 2}).Draw(rt, "forks")
		}
		manners(rt, &h)
		s.gates = append(s.gates, h)
	}
	if rapid.IntRange(0, 4).Draw(rt, "api") == 0 {
		s.stop = 1 + span(rt, "hung up over the API", 10*time.Second)
		s.thrice = rapid.Bool().Draw(rt, "thrice")
	}
	if rapid.IntRange(0, 4).Draw(rt, "shutdown") == 0 {
		s.end = 1 + span(rt, "stopped", 10*time.Second)
	}
	switch rapid.IntRange(0, 7).Draw(rt, "disk") {
	case 0:
		s.disk.err = errors.New("no space left")
	case 1:
		s.disk.slow = span(rt, "slow", 3*time.Second)
	case 2:
		s.disk.full = rapid.IntRange(1, 3).Draw(rt, "full")
	}
	s.fates = rapid.SliceOfN(fate(), 0, 60).Draw(rt, "fates")
	return s
}

// A transcript is what is compared of two runs: every word of the bridge, and
// what was recorded.
type transcript struct {
	said    []string
	records []string
}

// renewing has the whole stack written out and read in whenever so many steps
// have been made as the next of gaps says, round and round.
type renewing struct {
	*world
	gaps  []int
	steps int // since the last time
	times int
}

func (r *renewing) Next() (time.Time, bool) { return r.sim.Next() }

func (r *renewing) Advance(now time.Time) {
	r.sim.Advance(now)
	if r.steps++; r.steps == r.gaps[0] {
		r.steps, r.gaps = 0, append(r.gaps[1:], r.gaps[0])
		r.renew()
	}
}

func (r *renewing) renew() {
	for _, id := range r.bridge.Used() {
		r.sim.Post(id, func(c *legs.Core) {
			first, err := r.bridge.Renew(c)
			if err != nil {
				r.t.Errorf("renew: %v", err)
				return
			}
			if r.times++; r.times%4 != 1 {
				return
			}
			if again, err := r.bridge.Renew(c); err != nil || string(again) != string(first) {
				r.t.Errorf("written once:\n%s\nread and written again:\n%s\n%v", first, again, err)
			}
		})
	}
}

// relayPort is a port of ours in a description; which one is chance.
var relayPort = regexp.MustCompile(`(m=audio |a=rtcp:)(2\d{4})\b`)

// perform plays a script, with the whole stack written out and read in after so
// many steps each time; no gaps, never.
func perform(t tb, relay *rtprelay.Relay, s script, gaps []int) (*world, transcript) {
	t.Helper()
	var out transcript
	w := newWorld(t, relay, s.scene, s.fates)
	w.disk = s.disk
	ports := map[string]string{}
	w.said = func(o transport.Outgoing) {
		text := relayPort.ReplaceAllStringFunc(string(o.Data), func(m string) string {
			part := relayPort.FindStringSubmatch(m)
			if ports[part[2]] == "" {
				ports[part[2]] = fmt.Sprintf("P%04d", len(ports))
			}
			return part[1] + ports[part[2]]
		})
		out.said = append(out.said, fmt.Sprintf("%v to %v\n%s", w.sim.Now().Sub(w.began), o.Flow.Peer, text))
	}
	r := &renewing{world: w, gaps: slices.Clone(gaps)}
	if len(gaps) > 0 {
		w.net.Clock = r
	}
	w.whole(s)
	w.check()
	if slices.Max(append(gaps, 0)) == 1 && r.times == 0 && len(out.said) > 0 {
		w.t.Errorf("nothing was ever written out")
	}
	for _, rec := range w.records {
		rec.CallID = ""
		if rec.Media != nil {
			for i := range rec.Media.Streams {
				rec.Media.Streams[i].Local = ""
			}
		}
		raw, err := json.Marshal(rec)
		if err != nil {
			w.t.Fatalf("%v", err)
		}
		out.records = append(out.records, string(raw))
	}
	return w, out
}

// impatient is over when no call is up: the journal's time is not the test's.
type impatient struct {
	context.Context //nolint:containedctx // it is one

	bridge *bridge.Bridge
}

func (c impatient) Done() <-chan struct{} {
	if c.bridge.Up() > 0 {
		return nil
	}
	over := make(chan struct{})
	close(over)
	return over
}

func (c impatient) Err() error { return context.Canceled }

// whole has the call of a script happen, to its end.
func (w *world) whole(s script) {
	w.t.Helper()
	endAll := func() {
		if err := w.bridge.EndAll(impatient{context.Background(), w.bridge}, cdr.EndShutdown); err != nil && w.bridge.Up() > 0 {
			w.t.Errorf("%v", err)
		}
	}
	if s.stop > 0 {
		w.net.After(s.stop, w.hangUp)
		if s.thrice {
			w.net.After(s.stop, w.hangUp)
			w.net.After(s.stop+time.Second, w.hangUp)
		}
	}
	if s.end > 0 {
		w.net.After(s.end, endAll)
	}
	w.caller.Dial("sip:" + called + "@" + worldServer.String())
	ends := w.net.Run(time.Hour)
	if ends && w.bridge.Live() > 0 {
		endAll()
		ends = w.net.Run(time.Hour)
	}
	if !ends {
		w.t.Errorf("it never ends")
	}
}

// Whatever callers, callees, the network, the disk, the API and a shutdown do to
// a call, in whatever order: it ends, its dialogs end, each 2xx is acknowledged,
// there is one record that says what the caller saw, and every port and place is
// given back. And when all that is remembered of it is written out and read in
// at any points, not a byte of what it says changes, nor its record.
//
// A failure names the fail file and the seed that repeat it:
//
//	go test ./bridge -run TestWholeCall -rapid.seed=N
//	go test ./bridge -run TestWholeCall -rapid.checks=20000    (the long run)
func TestWholeCall(t *testing.T) {
	t.Parallel()
	relay := newRelay(t)
	rapid.Check(t, func(rt *rapid.T) {
		s := drawScript(rt)
		gaps := rapid.SliceOfN(rapid.IntRange(1, 12), 1, 40).Draw(rt, "written out after so many steps each time")
		eye := &watch{tb: rt}
		w, plain := perform(eye, relay, s, nil)
		if eye.failed {
			rt.Fatalf("without being written out:\n%#v\n%s", s, w.net)
		}
		w, renewed := perform(eye, relay, s, gaps)
		if d := difference(plain, renewed); d != "" {
			eye.Errorf("%s", d)
		}
		if eye.failed {
			rt.Fatalf("written out and read in after %d steps each time (repeat it with -rapid.seed or -rapid.failfile, as named below):\n%#v\n%s", gaps, s, w.net)
		}
	})
}

// difference names the first place where two runs part, "" when they do not.
func difference(a, b transcript) string {
	for _, list := range [][2][]string{{a.said, b.said}, {a.records, b.records}} {
		for i := range max(len(list[0]), len(list[1])) {
			was, is := "nothing", "nothing"
			if i < len(list[0]) {
				was = list[0][i]
			}
			if i < len(list[1]) {
				is = list[1][i]
			}
			if was != is {
				return fmt.Sprintf("they part at %d:\n--- left alone\n%s\n--- written out and read in\n%s", i, was, is)
			}
		}
	}
	return ""
}
