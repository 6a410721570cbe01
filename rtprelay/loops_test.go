package rtprelay

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// passage is a session of a chain: media that comes in at a goes out of b.
type passage struct {
	s    *Session
	a, b *Stream
}

// facing is what an SDP says that names our own stream.
func facing(st *Stream, edits ...func(*Remote)) Remote {
	r := Remote{RTP: st.LocalRTP(), RTCP: st.LocalRTCP(), Send: true, Recv: true}
	for _, edit := range edits {
		edit(&r)
	}
	return r
}

// ring opens n sessions, not joined; face gives each its neighbours' ports for
// its peers.
func (g *rig) ring(n int, edits ...func(*Remote)) (all []passage, face func()) {
	g.t.Helper()
	for ref := range n {
		s, err := g.Session(uint32(ref), SessionConfig{Ref: uint64(ref)})
		if err != nil {
			g.t.Fatal(err)
		}
		all = append(all, passage{s, g.open(s), g.open(s)})
	}
	return all, func() {
		for i := range all {
			next := (i + 1) % n
			all[i].b.SetRemote(facing(all[next].a, edits...))
			all[next].a.SetRemote(facing(all[i].b, edits...))
		}
	}
}

// join joins the streams of every session.
func join(all []passage) {
	for _, p := range all {
		p.s.Join(p.a, p.b)
	}
}

// Sessions whose signalled peers are one another's ports must not make packets
// go round, whatever closes the ring.
func TestSessionsThatPointAtOneAnother(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 3} {
		for _, mux := range []bool{false, true} {
			for _, joinedFirst := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d sessions, mux %v, joined first %v", n, mux, joinedFirst), func(t *testing.T) {
					t.Parallel()
					eachPoller(t, func(t *testing.T, newPoller func() (poller, error)) {
						g := newRig(t, newPoller)
						p := newPhone(t, newHost())
						all, face := g.ring(n, func(r *Remote) {
							r.Learn, r.Mux = true, mux
							r.Prefixes = []netip.Prefix{netip.PrefixFrom(at(p.rtp).Addr(), 32)}
						})
						if joinedFirst {
							join(all)
							face()
						} else {
							face()
							join(all)
						}
						g.endsSomewhere(all, p, mux)
					})
				})
			}
		}
	}
}

// endsSomewhere sends packets into the ring; each must be dropped where an
// address is left out, having passed every session at most once.
func (g *rig) endsSomewhere(all []passage, p *phone, mux bool) {
	g.t.Helper()
	const talked, reported = 20, 5
	in := all[0].a
	for range talked {
		p.talk(in)
	}
	g.until("latched", func() bool { return in.Stats().Latched })
	for range reported {
		if mux {
			p.report(p.rtp, in.LocalRTP())
		} else {
			p.report(p.rtcp, in.LocalRTCP())
		}
	}
	sum := func() (dropped, accepted uint64) {
		for _, pr := range all {
			for _, st := range []*Stream{pr.a, pr.b} {
				s := st.Stats()
				dropped += s.Drops[DropNoDestination] + s.Drops[DropStranger] // who has no peer hears none either
				accepted += s.Packets + s.RTCPPackets
			}
		}
		return dropped, accepted
	}
	const want = talked - (DefaultLearnPackets - 1) + reported
	g.until("all packets dropped", func() bool { dropped, _ := sum(); return dropped >= want })
	for range 10 {
		g.settle()
	}
	if dropped, accepted := sum(); dropped != want || accepted > want*uint64(len(all)) {
		g.t.Errorf("%d dropped, %d times accepted, of %d packets in %d sessions", dropped, accepted, want, len(all))
	}
}

// Calls that come back to us pass two or more sessions and then leave.
func TestHairpinRelays(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 3} {
		for _, mux := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d sessions, mux %v", n, mux), func(t *testing.T) {
				t.Parallel()
				eachPoller(t, func(t *testing.T, newPoller func() (poller, error)) {
					g := newRig(t, newPoller)
					all, _ := g.ring(n)
					in, out := all[0].a, all[n-1].b
					alice, bob := newPhone(t, newHost()), newPhone(t, newHost())
					join(all)
					in.SetRemote(alice.remote())
					for i := range n - 1 {
						all[i].b.SetRemote(facing(all[i+1].a, func(r *Remote) { r.Mux = mux }))
						all[i+1].a.SetRemote(facing(all[i].b, func(r *Remote) { r.Mux = mux }))
					}
					out.SetRemote(bob.remote())
					for range 5 {
						expect(t, bob.rtp, alice.talk(in), out.LocalRTP())
						expect(t, alice.rtp, bob.talk(out), in.LocalRTP())
						expect(t, bob.rtcp, alice.report(alice.rtcp, in.LocalRTCP()), out.LocalRTCP())
						expect(t, alice.rtcp, bob.report(bob.rtcp, out.LocalRTCP()), in.LocalRTCP())
					}
					for _, p := range all {
						if a, b := p.a.Stats(), p.b.Stats(); a.Dropped()+b.Dropped() != 0 {
							t.Errorf("dropped: %+v, %+v", a, b)
						}
					}
				})
			})
		}
	}
}

// A source of our own that was not signalled closes a loop that nothing shows.
func TestOwnPortIsNotLearned(t *testing.T) {
	t.Parallel()
	eachPoller(t, func(t *testing.T, newPoller func() (poller, error)) {
		g := newRig(t, newPoller)
		_, a1, b1 := g.session(SessionConfig{})
		_, a2, _ := g.session(SessionConfig{Ref: 1})
		alice := newPhone(t, newHost())
		a1.SetRemote(alice.remote())
		b1.SetRemote(facing(a2))
		a2.SetRemote(Remote{RTP: natPort(b1.LocalRTP()), RTCP: natPort(b1.LocalRTP()), Send: true, Recv: true, Learn: true})
		for range 5 {
			alice.talk(a1)
		}
		g.dropped(a2, DropStranger, 5)
		if s := a2.Stats(); s.Latched || s.Packets != 0 {
			t.Errorf("stats %+v, want nothing learned", s)
		}
	})
}

// The same for RTCP, which follows RTP's source to another port of its host.
func TestOwnRTCPPortIsNotLearned(t *testing.T) {
	t.Parallel()
	ours := newPorts(sameHostRTCP.Addr(), int(sameHostRTCP.Port())-1, int(sameHostRTCP.Port()), 1, 0)
	for _, own := range []bool{false, true} {
		c := newControl(peer(learn, func(r *Remote) { r.RTCP = netip.AddrPort{} }))
		if own {
			c.relay = &Relay{ports: []*ports{ours}}
		}
		l := latch{generation: c.generation}
		decide(&l, c, &arrival{packet: media(t, 7, 1), from: signalledRTP})
		v := decide(&l, c, &arrival{packet: senderReport(t, 7), from: sameHostRTCP, rtcpPort: true})
		if v.accepted == own {
			t.Errorf("our own port %v: %+v", own, v)
		}
	}
}

// An address that was left out is used once it does no harm, and each address
// is logged once.
func TestAddressComesBackWhenTheLoopIsGone(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	g := newRig(t, newPoller, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	all, face := g.ring(2)
	face()
	join(all)
	last := all[1]
	if s := last.a.Stats(); s.Remote.IsValid() {
		t.Fatalf("the last to be joined sends to %v, want nowhere", s.Remote)
	}
	face()
	join(all)
	const warning = "leads back to us"
	if n := strings.Count(log.String(), warning); n != 4 { // RTP and RTCP of two streams
		t.Errorf("%d warnings, want 4:\n%s", n, log.String())
	}
	last.s.Join(last.a, g.open(last.s))
	if got, want := last.a.Stats().Remote, all[0].b.LocalRTP(); got != want {
		t.Errorf("joined to another: sends to %v, want %v", got, want)
	}
	join(all[1:])
	if n := strings.Count(log.String(), warning); n != 6 {
		t.Errorf("%d warnings, want 6: one stream lost its addresses again\n%s", n, log.String())
	}
	all[0].s.Close()
	last.a.SetRemote(facing(all[0].b))
	if !last.a.Stats().Remote.IsValid() {
		t.Error("the other session is closed: want the address back")
	}
}

// Only the stream that closes a loop loses its address, not one that leads into
// the loop.
func TestLoopCostsOneAddress(t *testing.T) {
	t.Parallel()
	g := newRig(t, newPoller)
	all, _ := g.ring(3)
	first, last, aside := all[0], all[1], all[2]
	first.b.SetRemote(facing(last.a))
	last.b.SetRemote(facing(first.a))
	last.a.SetRemote(facing(aside.a))
	aside.b.SetRemote(facing(last.a))
	for _, p := range []passage{first, aside, last} {
		p.s.Join(p.a, p.b)
	}
	if st := last.b; st.Stats().Remote.IsValid() {
		t.Errorf("%v closes the loop and sends to %v", st.LocalRTP(), st.Stats().Remote)
	}
	for _, st := range []*Stream{first.b, last.a, aside.b} {
		if !st.Stats().Remote.IsValid() {
			t.Errorf("%v is not what closes the loop, yet has no destination", st.LocalRTP())
		}
	}
}

// A chain longer than signalling can make ends.
func TestLongestChain(t *testing.T) {
	t.Parallel()
	g := newRig(t, newPoller, func(c *Config) { portRange(c, 20000, 20999) })
	all, _ := g.ring(maxHairpins + 2)
	join(all)
	for i := len(all) - 2; i >= 0; i-- { // each finds the whole chain before it
		all[i].b.SetRemote(facing(all[i+1].a))
		if behind, used := len(all)-1-i, all[i].b.Stats().Remote.IsValid(); used != (behind <= maxHairpins) {
			t.Errorf("%d sessions behind: used %v", behind, used)
		}
	}
}

// However sessions are joined and told, side by side, no path comes back.
func TestNoPathComesBack(t *testing.T) {
	t.Parallel()
	const sessions, changes = 6, 400
	g := newRig(t, newPoller)
	var streams [sessions][3]*Stream
	for i := range streams {
		p, a, b := g.session(SessionConfig{Ref: uint64(i)})
		streams[i] = [3]*Stream{a, b, g.open(p)}
	}
	var done sync.WaitGroup
	for i, own := range streams {
		done.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 7))
			for range changes {
				st, other := own[random.IntN(3)], streams[random.IntN(sessions)][random.IntN(3)]
				if random.IntN(3) == 0 {
					st.session.Join(st, own[random.IntN(3)])
				}
				apart := streams[random.IntN(sessions)][random.IntN(3)]
				st.SetRemote(facing(other, func(r *Remote) { r.Mux, r.RTCP = random.IntN(2) == 0, apart.LocalRTCP() }))
				g.noPathComesBack()
			}
		})
	}
	done.Wait()
}

// noPathComesBack follows every path there is at this moment.
func (g *rig) noPathComesBack() {
	p := &g.paths
	p.mu.Lock()
	defer p.mu.Unlock()
	open := map[*Stream]bool{}
	for _, of := range p.ports {
		for _, st := range of.holders {
			if st != nil {
				open[st] = true
			}
		}
	}
	for start := range open {
		for _, rtcp := range []bool{false, true} {
			hops := 0
			for st := start; st != nil; hops++ {
				if hops > len(open) {
					g.t.Errorf("a path from %v has no end, rtcp %v", start.LocalRTP(), rtcp)
					return
				}
				in := p.holderLocked(st.control.Load().destination(rtcp))
				if st = nil; in != nil {
					st = in.control.Load().peer
				}
			}
		}
	}
}
