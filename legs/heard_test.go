package legs

import (
	"fmt"
	"slices"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"pgregory.net/rapid"

	"b2bua/legs/sipmsg"
	"b2bua/legs/txn"
)

// What has been heard is known until its time, and a few that are over take no
// memory that grows.
func TestHearingsModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s hearings
		var model []Hearing
		now, n := dawn, 0
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				model = slices.DeleteFunc(model, func(h Hearing) bool { return !now.Before(h.Until) })
				if got := s.all(now); !slices.Equal(got, model) {
					t.Fatalf("got %v, want %v", got, model)
				}
				for i := range n {
					key := txn.ClientKey{Branch: fmt.Sprint(i), Method: "BYE"}
					want := slices.ContainsFunc(model, func(h Hearing) bool { return h.Branch == key.Branch })
					if s.has(key, now) != want || s.has(txn.ClientKey{Branch: key.Branch, Method: "CANCEL"}, now) {
						t.Fatalf("%s: want %v", key.Branch, want)
					}
				}
				if cap(s.list) > 8*(n+1) {
					t.Fatalf("room for %d", cap(s.list))
				}
			},
			"add": func(t *rapid.T) {
				h := Hearing{Branch: fmt.Sprint(n), Method: "BYE", Until: now.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "span")) * time.Second)}
				n++
				s.add(h, now)
				model = append(model, h)
			},
			"wait": func(*rapid.T) { now = now.Add(time.Second) },
		})
	})
}

// The 200 to our BYE has come: the leg and the transaction are gone at once, and the
// same 200 is no stray until timer K has run out.
func TestCompletedClientHoldsNothing(t *testing.T) {
	t.Parallel()
	r := newRelay(t)
	d := r.establish("heard")
	r.lab.hear(labPeer, d.bye)
	d.byeOK = bytesOf(t, sipmsg.NewResponse(r.find("BYE", 0), 200, "", ""))
	stray := func() float64 {
		var m dto.Metric
		if err := r.lab.stack.metrics.strays.WithLabelValues("response").Write(&m); err != nil {
			t.Fatal(err)
		}
		return m.GetCounter().GetValue()
	}
	r.lab.hear(labPeer, d.byeOK)
	for _, c := range r.lab.stack.cores {
		if c.clients.count() != 0 || c.legs.index.Len() != 0 {
			t.Errorf("%d transactions, %d legs", c.clients.count(), c.legs.index.Len())
		}
	}
	r.lab.hear(labPeer, d.byeOK)
	if n := stray(); n != 0 {
		t.Errorf("%v strays", n)
	}
	r.lab.pass(4 * time.Second)
	r.lab.hear(labPeer, d.byeOK)
	if n := stray(); n != 0 {
		t.Errorf("%v strays before timer K", n)
	}
	r.lab.pass(2 * time.Second)
	r.lab.hear(labPeer, d.byeOK)
	if n := stray(); n != 1 {
		t.Errorf("%v strays after timer K", n)
	}
}
