package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"time"
)

// The tones of the two telephones, in Hz.
const (
	aliceTone = 440
	bobTone   = 1000
)

// A Fault breaks the call on purpose, so that one can see the demo notice it.
type Fault string

// The faults.
const (
	NoFault Fault = ""
	Mute    Fault = "mute"    // both telephones send silence
	OneWay  Fault = "one-way" // bob sends nothing
	Swapped Fault = "swapped" // each hears its own tone
)

// Options say where the server is and how to tell the story.
type Options struct {
	Server netip.AddrPort // SIP over UDP
	API    string         // base URL
	Token  string
	Talk   time.Duration // how long they talk; 0 means 3 s
	Fault  Fault
	Out    io.Writer
}

// ErrBad is returned when the call went through but did not sound right.
var ErrBad = errors.New("the call did not sound right")

// A Demo is two telephones and the policy that connects them.
type Demo struct {
	opt    Options
	client http.Client
	ladder ladder
	alice  *phone
	bob    *phone
}

// New switches the telephones on and tells the server's API of them.
func New(ctx context.Context, opt Options) (*Demo, error) {
	if opt.Talk == 0 {
		opt.Talk = 3 * time.Second
	}
	d := &Demo{opt: opt, client: http.Client{Timeout: 10 * time.Second}, ladder: ladder{out: opt.Out, began: time.Now()}}
	says := [2]float64{aliceTone, bobTone}
	switch opt.Fault {
	case NoFault:
	case Mute:
		says = [2]float64{0, 0}
	case OneWay:
		says[1] = -1
	case Swapped:
		says = [2]float64{bobTone, aliceTone}
	default:
		return nil, fmt.Errorf("fault %q is not one of mute, one-way, swapped", opt.Fault)
	}
	var err error
	if d.alice, err = newPhone("alice", says[0], d.ladder.message); err != nil {
		return nil, err
	}
	if d.bob, err = newPhone("bob", says[1], d.ladder.message); err != nil {
		d.alice.close()
		return nil, err
	}
	if err = d.policy(ctx); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// Close switches the telephones off.
func (d *Demo) Close() {
	d.alice.close()
	d.bob.close()
	d.client.CloseIdleConnections()
}

// policy writes the smallest policy that routes a call, over the REST API: two
// trunks and a route.
func (d *Demo) policy(ctx context.Context) error {
	gateway := func(p *phone) []any { return []any{map[string]any{"uri": "sip:" + p.addr().String()}} }
	for _, step := range []struct {
		path string
		body any
	}{
		{"/v1/trunks", map[string]any{"name": "alice", "sources": []string{"127.0.0.1/32"}, "gateways": gateway(d.alice)}},
		{"/v1/trunks", map[string]any{"name": "bob", "gateways": gateway(d.bob)}},
		{"/v1/routes", map[string]any{"name": "everything", "match": map[string]any{"called_prefix": ""}, "targets": []any{map[string]any{"trunk": "bob"}}}},
	} {
		if _, err := d.api(ctx, http.MethodPost, step.path, step.body); err != nil {
			return err
		}
	}
	return nil
}

func (d *Demo) api(ctx context.Context, method, path string, body any) ([]byte, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, d.opt.API+path, bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+d.opt.Token)
	req.Header.Set("Content-Type", "application/json")
	res, err := d.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	out, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, res.Status, out)
	}
	return out, err
}

// Run tells the story: alice calls bob, they talk, alice hangs up; then the
// quality of each direction and the record. The error is ErrBad when a tone
// did not come through.
func (d *Demo) Run(ctx context.Context) error {
	d.say("Alice (440 Hz) calls Bob (1000 Hz) through the server at %s.\n", d.opt.Server)
	d.ladder.began = time.Now()
	d.ladder.head()
	ringing, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	call, err := d.alice.call(ringing, d.opt.Server, "33123456789")
	if err != nil {
		if call != nil {
			call.audio.close()
		}
		return err
	}
	select {
	case <-time.After(d.opt.Talk):
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := call.bye(ending); err != nil {
		return err
	}
	d.bob.mu.Lock()
	far := d.bob.last
	d.bob.mu.Unlock()
	good := d.heard("Alice", "Bob", call.audio.quality(bobTone, aliceTone), bobTone)
	if far == nil {
		return ErrBad
	}
	good = d.heard("Bob", "Alice", far.quality(aliceTone, bobTone), aliceTone) && good
	if err := d.record(ending); err != nil {
		return err
	}
	if !good {
		return ErrBad
	}
	return nil
}

func (d *Demo) heard(who, whom string, q Quality, hz int) bool {
	verdict := "good"
	if !q.Good() {
		verdict = "BAD"
	}
	d.say("%s heard %s: %d packets, %d lost, jitter %.1f ms, %d Hz at %.0f, the other tone at %.0f: %s\n", who, whom,
		q.Packets, q.Lost, float64(q.Jitter.Microseconds())/1000, hz, q.Wanted, q.Other, verdict)
	return q.Good()
}

// record prints the newest CDR. It is in the store a moment after the call.
func (d *Demo) record(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		raw, err := d.api(ctx, http.MethodGet, "/v1/cdrs?limit=1", nil)
		if err != nil {
			return err
		}
		var page struct{ Items []json.RawMessage }
		if err := json.Unmarshal(raw, &page); err != nil {
			return err
		}
		if len(page.Items) > 0 {
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, page.Items[0], "", "  "); err != nil {
				return err
			}
			d.say("\nThe record (GET /v1/cdrs):\n%s\n", pretty.Bytes())
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.New("no record came")
		}
	}
}

func (d *Demo) say(format string, args ...any) { _, _ = fmt.Fprintf(d.opt.Out, format, args...) }

// Bob is where the answering telephone is, for those who stay.
func (d *Demo) Bob() netip.AddrPort { return d.bob.addr() }
