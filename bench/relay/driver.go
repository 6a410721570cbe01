package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime/pprof"
	"time"

	"b2bua/rtprelay"
)

// A call is where each side sends its media to.
type call struct {
	Caller netip.AddrPort `json:"caller"` // the relay's port that faces the caller
	Called netip.AddrPort `json:"called"`
}

// An order is one line on the driver's standard input; each is answered by one
// line with a report.
type order struct {
	Calls   int    `json:"calls,omitempty"`   // how many calls there shall be at least
	Profile string `json:"profile,omitempty"` // write a CPU profile there, from now until the next order
}

// A report is the driver's answer to an order.
type report struct {
	Calls   []call `json:"calls,omitempty"` // all of them
	Workers int    `json:"workers"`
	Error   string `json:"error,omitempty"`
}

// A driver is our relay in a process of its own, with as much around it as the
// sessions of calls need: it does what bridge does for a call.
type driver struct {
	relay    *rtprelay.Relay
	workers  int
	caller   netip.AddrPort // where every caller wants its media
	called   netip.AddrPort
	calls    []call
	sessions []*rtprelay.Session
	profile  *os.File
}

// The networks of the relay, in our driver and in rtpengine.
const (
	callerNetwork = "caller"
	calledNetwork = "called"
	portMin       = 10000
	portMax       = 59999
)

// mediaTimeout is how long a call may be silent, the default of media.timeout.
const mediaTimeout = time.Minute

// runDriver obeys orders until its standard input ends.
func runDriver(args []string, in io.Reader, out io.Writer) (err error) {
	flags := flag.NewFlagSet("driver", flag.ContinueOnError)
	workers := flags.Int("workers", 1, "threads that move packets")
	if err := flags.Parse(args); err != nil {
		return err
	}
	d := driver{
		workers: *workers,
		caller:  netip.AddrPortFrom(callerAddress, mediaPort),
		called:  netip.AddrPortFrom(calledAddress, mediaPort),
	}
	d.relay, err = rtprelay.New(rtprelay.Config{
		Networks: map[string]rtprelay.Network{
			callerNetwork: {Addresses: []netip.Addr{relayToCaller}, PortMin: portMin, PortMax: portMax},
			calledNetwork: {Addresses: []netip.Addr{relayToCalled}, PortMin: portMin, PortMax: portMax},
		},
		Workers: *workers,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stopProfile(), d.relay.Close()) }()
	answers := json.NewEncoder(out)
	for orders := json.NewDecoder(in); ; {
		var o order
		if err := orders.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		r := report{Workers: *workers}
		if err := d.obey(o); err != nil {
			r.Error = err.Error()
		}
		r.Calls = d.calls
		if err := answers.Encode(r); err != nil {
			return err
		}
	}
}

func (d *driver) obey(o order) error {
	if err := d.stopProfile(); err != nil {
		return err
	}
	for len(d.calls) < o.Calls {
		if err := d.open(); err != nil {
			return fmt.Errorf("call %d: %w", len(d.calls), err)
		}
	}
	if o.Profile == "" {
		return nil
	}
	f, err := os.Create(o.Profile)
	if err != nil {
		return err
	}
	d.profile = f
	return pprof.StartCPUProfile(f)
}

func (d *driver) stopProfile() error {
	if d.profile == nil {
		return nil
	}
	pprof.StopCPUProfile()
	f := d.profile
	d.profile = nil
	return f.Close()
}

// open sets a call up as bridge does: the caller's offer opens the session and
// the port that faces it, the attempt opens the other port, the answer aims
// both, joins them and starts the time-out.
func (d *driver) open() error {
	n := len(d.calls)
	s, err := d.relay.Session(uint32(n), rtprelay.SessionConfig{Ref: uint64(n)})
	if err != nil {
		return err
	}
	d.sessions = append(d.sessions, s)
	caller, err := s.Open(callerNetwork, false)
	if err != nil {
		return err
	}
	caller.SetRemote(remote(d.caller))
	called, err := s.Open(calledNetwork, false)
	if err != nil {
		return err
	}
	called.SetRemote(remote(d.called))
	caller.SetRemote(remote(d.caller))
	s.Join(caller, called)
	s.SetTimeout(mediaTimeout)
	d.calls = append(d.calls, call{Caller: caller.LocalRTP(), Called: called.LocalRTP()})
	return nil
}

// remote is what bridge tells a stream about a peer that offered PCMU and
// telephone-event from the address of its signalling, RTCP on the next port.
func remote(peer netip.AddrPort) rtprelay.Remote {
	r := rtprelay.Remote{
		RTP: peer, RTCP: netip.AddrPortFrom(peer.Addr(), peer.Port()+1),
		Send: true, Recv: true,
		Learn: true, Prefixes: []netip.Prefix{netip.PrefixFrom(peer.Addr(), peer.Addr().BitLen())},
		ClockRates: map[uint8]uint32{0: 8000, 101: 0},
	}
	r.SetPayloadType(0)
	r.SetPayloadType(101)
	return r
}
