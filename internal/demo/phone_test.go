package demo

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"b2bua/internal/siptest"
	"b2bua/legs/sipmsg"
)

// T1 of these tests, so that what is lost is soon said again.
const shortT1 = 20 * time.Millisecond

// A script is what a telephone said and heard, in order.
type script struct {
	mu    sync.Mutex
	lines []string
}

func (s *script) show(m *sipmsg.Message, phone string, sent bool) {
	what := m.Method
	if !m.IsRequest() {
		what = sipmsg.ReasonPhrase(m.Status) + " " + m.Method
	}
	verb := " hears "
	if sent {
		verb = " says "
	}
	s.mu.Lock()
	s.lines = append(s.lines, phone+verb+what)
	s.mu.Unlock()
}

func (s *script) count(line string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, l := range s.lines {
		if l == line {
			n++
		}
	}
	return n
}

// two switches two telephones on, after what change does to Bob; they are off
// again when the test ends.
func two(t *testing.T, change ...func(*phone)) (alice, bob *phone, s *script) {
	t.Helper()
	s = &script{}
	var phones [2]*phone
	for i, name := range []string{"alice", "bob"} {
		p := newPhone(name, []float64{aliceTone, bobTone}[i], s.show)
		p.t1, p.ring = shortT1, 2*shortT1
		phones[i] = p
		t.Cleanup(p.close)
	}
	for _, c := range change {
		c(phones[1])
	}
	for _, p := range phones {
		if err := p.switchOn(); err != nil {
			t.Fatal(err)
		}
	}
	return phones[0], phones[1], s
}

// after180 does something once a telephone has said that it rings.
func after180(show func(*sipmsg.Message, string, bool), do func()) func(*sipmsg.Message, string, bool) {
	return func(m *sipmsg.Message, phone string, sent bool) {
		show(m, phone, sent)
		if sent && m.Status == 180 {
			do()
		}
	}
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// hears waits until n packets have come.
func hears(t *testing.T, a *audio, n int) {
	t.Helper()
	ctx := within(t, 10*time.Second)
	tick := time.NewTicker(ptime)
	defer tick.Stop()
	for a.quality(aliceTone, bobTone).Packets < n {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("the audio does not come")
		}
	}
}

// finished waits for the end of something.
func finished(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-within(t, 10*time.Second).Done():
		t.Fatal("not finished: " + what)
	}
}

func TestCall(t *testing.T) {
	t.Parallel()
	alice, bob, s := two(t)
	call, err := alice.call(within(t, 10*time.Second), bob.addr(), "1")
	if err != nil {
		t.Fatal(err)
	}
	far := bob.latest()
	hears(t, call.audio, 50)
	hears(t, far.audio, 50)
	if err := call.bye(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	finished(t, "Bob's call", far.over)
	for who, q := range map[string]Quality{"alice": call.audio.quality(bobTone, aliceTone), "bob": far.audio.quality(aliceTone, bobTone)} {
		if q.Talked = time.Second; q.Fault() != "" {
			t.Errorf("%s %s: %+v", who, q.Fault(), q)
		}
	}
	want := []string{"bob hears INVITE", "bob says Ringing INVITE", "bob says OK INVITE", "bob hears ACK", "bob hears BYE", "bob says OK BYE"}
	s.mu.Lock()
	defer s.mu.Unlock()
	got := slices.DeleteFunc(slices.Compact(slices.Clone(s.lines)), func(l string) bool { return !strings.HasPrefix(l, "bob") })
	if !slices.Equal(got, want) {
		t.Errorf("Bob's side of it: %q, want %q", got, want)
	}
}

// lossy stands before a telephone and loses each datagram the first time it
// comes, either way.
func lossy(t *testing.T, behind netip.AddrPort) netip.AddrPort {
	t.Helper()
	front, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		seen := make(map[string]bool)
		var caller netip.AddrPort
		buf := make([]byte, 65536)
		for {
			n, from, err := front.ReadFromUDPAddrPort(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			to := behind
			if from == behind {
				to = caller
			} else {
				caller = from
			}
			if text := string(buf[:n]); !seen[text] {
				seen[text] = true
				continue
			}
			_, _ = front.WriteToUDPAddrPort(buf[:n], to)
		}
	})
	t.Cleanup(func() {
		_ = front.Close()
		wg.Wait()
	})
	return front.LocalAddr().(*net.UDPAddr).AddrPort()
}

// Everything that anybody says is lost the first time: the INVITE, the 200, the
// ACK, the BYE and its 200.
func TestCallOverALossyNetwork(t *testing.T) {
	t.Parallel()
	alice, bob, s := two(t)
	call, err := alice.call(within(t, 10*time.Second), lossy(t, bob.addr()), "1")
	if err != nil {
		t.Fatal(err)
	}
	far := bob.latest()
	finished(t, "ACK", far.acked)
	if err := call.bye(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	finished(t, "Bob's call", far.over)
	for _, line := range []string{"alice says INVITE", "bob says OK INVITE", "alice says ACK", "alice says BYE"} {
		if s.count(line) < 2 {
			t.Errorf("%q only %d times", line, s.count(line))
		}
	}
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	alice, bob, s := two(t, func(bob *phone) { bob.manner = refuses })
	call, err := alice.call(within(t, 10*time.Second), bob.addr(), "1")
	if err == nil || !strings.Contains(err.Error(), "486 Busy Here") {
		t.Fatalf("error %v", err)
	}
	finished(t, "Alice's call", call.over)
	finished(t, "Bob's call", bob.latest().over)
	if s.count("bob hears ACK") != 1 {
		t.Error("the refusal is not acknowledged")
	}
}

// A telephone that rings for ever is cancelled.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	alice, bob, s := two(t, func(bob *phone) {
		bob.manner = ignores
		bob.show = after180(bob.show, func() { cancel(enough) })
	})
	call, err := alice.call(ctx, bob.addr(), "1")
	if !errors.Is(err, enough) {
		t.Fatalf("error %v", err)
	}
	finished(t, "Alice's call", call.over)
	finished(t, "Bob's call", bob.latest().over)
	for _, line := range []string{"bob hears CANCEL", "alice hears Request Terminated INVITE", "bob hears ACK"} {
		if s.count(line) == 0 {
			t.Errorf("no %q", line)
		}
	}
}

// Nobody is there at all.
func TestNobody(t *testing.T) {
	t.Parallel()
	alice, bob, s := two(t)
	to := bob.addr()
	bob.close()
	_, err := alice.call(within(t, 30*time.Second), to, "1")
	if err == nil || !strings.Contains(err.Error(), "nobody answers the INVITE") {
		t.Fatalf("error %v", err)
	}
	if n := s.count("alice says INVITE"); n < 7 {
		t.Errorf("only %d INVITEs", n)
	}
}

// Switched off in the middle of anything, a telephone lets go of everything;
// goleak looks.
func TestSwitchedOff(t *testing.T) {
	t.Parallel()
	t.Run("ringing", func(t *testing.T) {
		t.Parallel()
		rings := make(chan struct{})
		alice, bob, _ := two(t, func(bob *phone) {
			bob.ring = time.Hour
			bob.show = after180(bob.show, sync.OnceFunc(func() { close(rings) }))
		})
		go func() {
			<-rings
			alice.close()
		}()
		if _, err := alice.call(within(t, 10*time.Second), bob.addr(), "1"); !errors.Is(err, errOff) {
			t.Errorf("error %v", err)
		}
		bob.close()
	})
	t.Run("talking", func(t *testing.T) {
		t.Parallel()
		alice, bob, _ := two(t)
		call, err := alice.call(within(t, 10*time.Second), bob.addr(), "1")
		if err != nil {
			t.Fatal(err)
		}
		bob.close()
		alice.close()
		finished(t, "Alice's call", call.over)
		finished(t, "Bob's call", bob.latest().over)
		if _, err := alice.call(t.Context(), bob.addr(), "1"); !errors.Is(err, errOff) {
			t.Errorf("a telephone that is off calls: %v", err)
		}
	})
}

// What is not a call is answered all the same.
func TestOutsideACall(t *testing.T) {
	t.Parallel()
	_, bob, _ := two(t)
	peer := siptest.New(t, "127.0.0.1:0")
	uri := "sip:bob@" + bob.addr().String()
	peer.Send(bob.addr(), peer.Outside("OPTIONS", uri, "1", "a"))
	peer.Expect("200 OPTIONS")
	peer.Send(bob.addr(), peer.Outside("BYE", uri, "1", "b"))
	peer.Expect("481 BYE")
	peer.Send(bob.addr(), peer.Invite(uri, "1", "c", []byte("not a description")))
	peer.Expect("488 INVITE")
	invite := peer.Invite(uri, "1", "d", siptest.SDP(netip.MustParseAddrPort("127.0.0.1:9")))
	peer.Send(bob.addr(), invite)
	peer.Expect("180")
	ok := peer.Await("200 INVITE")
	peer.Send(bob.addr(), peer.Request("ACK", 1, invite, ok))
	peer.Send(bob.addr(), peer.Request("INVITE", 2, invite, ok))
	peer.Await("488 INVITE")
	peer.Send(bob.addr(), peer.Request("INFO", 3, invite, ok))
	peer.Await("200 INFO")
	bye := peer.Request("BYE", 4, invite, ok)
	peer.Send(bob.addr(), bye)
	peer.Await("200 BYE")
	peer.Send(bob.addr(), bye) // its 200 may have been lost
	peer.Await("200 BYE")
}

// The far side hangs up, and asks things before it does.
func TestFarSideHangsUp(t *testing.T) {
	t.Parallel()
	alice, _, _ := two(t)
	peer := siptest.New(t, "127.0.0.1:0")
	answered := make(chan *dialled, 1)
	go func() {
		call, err := alice.call(t.Context(), peer.Addr(), "1")
		if err != nil {
			t.Error(err)
		}
		answered <- call
	}()
	invite := peer.Expect("INVITE")
	ok := peer.Respond(invite, 200, "far", siptest.SDP(netip.MustParseAddrPort("127.0.0.1:9")))
	peer.Send(alice.addr(), ok)
	peer.Expect("ACK")
	peer.Send(alice.addr(), ok) // as if the ACK had been lost
	if h := peer.Hear(); !siptest.Is(h.Message, "ACK") || !h.Again {
		t.Errorf("heard %s, want the same ACK again", siptest.Describe(h.Message))
	}
	call := <-answered
	peer.Send(alice.addr(), peer.UASRequest("INVITE", 1, invite, ok))
	peer.Expect("488 INVITE")
	peer.Send(alice.addr(), peer.UASRequest("OPTIONS", 2, invite, ok))
	peer.Expect("200 OPTIONS")
	peer.Send(alice.addr(), peer.UASRequest("BYE", 3, invite, ok))
	peer.Expect("200 BYE")
	finished(t, "Alice's call", call.over)
	if err := call.bye(t.Context()); err != nil {
		t.Error(err)
	}
}

// A 200 that crosses the CANCEL is acknowledged and ended with BYE.
func TestCrossing(t *testing.T) {
	t.Parallel()
	alice, _, _ := two(t)
	peer := siptest.New(t, "127.0.0.1:0")
	ctx, cancel := context.WithCancel(t.Context())
	called := make(chan error, 1)
	go func() {
		_, err := alice.call(ctx, peer.Addr(), "1")
		called <- err
	}()
	invite := peer.Expect("INVITE")
	cancel() // nothing has been heard yet: the CANCEL waits for the 180
	peer.Send(alice.addr(), peer.Respond(invite, 180, "far", nil))
	bye := peer.Await("CANCEL")
	peer.Send(alice.addr(), peer.Respond(bye, 200, "far", nil))
	peer.Send(alice.addr(), peer.Respond(invite, 200, "far", siptest.SDP(netip.MustParseAddrPort("127.0.0.1:9"))))
	peer.Await("ACK")
	peer.Send(alice.addr(), peer.Respond(peer.Await("BYE"), 200, "far", nil))
	if err := <-called; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
