package demo

import (
	"context"
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
	Talk   time.Duration // how long they talk, at least 1 s; 0 means 3 s
	Fault  Fault
	Out    io.Writer
}

// ErrBad is returned when the call went through but did not sound right.
var ErrBad = errors.New("the call did not sound right")

// How long the parts of the story may take.
const (
	answerTime = 10 * time.Second
	endTime    = 5 * time.Second
)

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
	if opt.Talk < time.Second {
		return nil, fmt.Errorf("they talk for %s, at least 1s is needed to judge the sound", opt.Talk)
	}
	d := &Demo{opt: opt, client: http.Client{Timeout: 10 * time.Second}, ladder: ladder{out: opt.Out, now: time.Now}}
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
	d.alice = newPhone("alice", says[0], d.ladder.message)
	d.bob = newPhone("bob", says[1], d.ladder.message)
	for _, step := range []func() error{d.alice.switchOn, d.bob.switchOn, func() error { return d.policy(ctx) }} {
		if err := step(); err != nil {
			d.Close()
			return nil, err
		}
	}
	return d, nil
}

// Close switches the telephones off. It returns when their last goroutine is
// gone.
func (d *Demo) Close() {
	d.alice.close()
	d.bob.close()
	d.client.CloseIdleConnections()
}

// Run tells the story: alice calls bob, they talk, alice hangs up; then the
// quality of each direction and the record. The error is ErrBad when a tone
// did not come through. When ctx ends they hang up at once.
func (d *Demo) Run(ctx context.Context) error {
	d.ladder.say("Alice (%d Hz) calls Bob (%d Hz) through the server at %s.\n\n", aliceTone, bobTone, d.opt.Server)
	d.ladder.head()
	ringing, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	call, err := d.alice.call(ringing, d.opt.Server, "33123456789")
	if err != nil {
		return err
	}
	far := d.bob.latest()
	if far == nil {
		return errors.New("the call was answered, but not by Bob")
	}
	select {
	case <-far.acked: // a moment after Alice's own ACK
	case <-ringing.Done():
		return errors.New("nobody told Bob that Alice knows of his answer")
	}
	d.ladder.talking()
	err = d.talk(ctx, call)
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	if err := errors.Join(err, call.bye(ending)); err != nil {
		return err
	}
	select {
	case <-far.over: // Bob's leg ends a moment after Alice's
	case <-ending.Done():
		return errors.New("nobody told Bob that the call is over")
	}
	d.ladder.say("\n")
	good := d.heard("Alice", "Bob", call.audio.quality(bobTone, aliceTone), bobTone)
	good = d.heard("Bob", "Alice", far.audio.quality(aliceTone, bobTone), aliceTone) && good
	if err := d.record(ending); err != nil {
		return err
	}
	if !good {
		return ErrBad
	}
	return nil
}

// talk lets them talk and looks at the call meanwhile.
func (d *Demo) talk(ctx context.Context, call *dialled) error {
	enough := time.NewTimer(d.opt.Talk)
	defer enough.Stop()
	if err := d.live(ctx); err != nil {
		return err
	}
	select {
	case <-enough.C:
		return nil
	case <-call.over:
		return errors.New("the far side ended the call")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (d *Demo) heard(who, whom string, q Quality, hz int) bool {
	q.Talked = d.opt.Talk
	fault, verdict := q.Fault(), "good"
	if fault != "" {
		verdict = "BAD, " + who + " " + fault
	}
	d.ladder.say("%-16s %4d packets, %d lost, jitter %.1f ms; %4d Hz at %4.0f, the other tone at %4.0f: %s\n", who+" heard "+whom+":",
		q.Packets, q.Lost, float64(q.Jitter.Microseconds())/1000, hz, q.Wanted, q.Other, verdict)
	return fault == ""
}
