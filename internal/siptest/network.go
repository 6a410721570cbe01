package siptest

import (
	"container/heap"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"b2bua/legs/sipmsg"
)

// A Network carries datagrams between simulated parties in a time of its own. It
// loses, repeats, delays and reorders what Fates says, and nothing else: the
// same fates give the same run. It is used from one goroutine.
type Network struct {
	// Fates are what becomes of the datagrams, in the order in which they are
	// sent. Further ones arrive.
	Fates []Fate
	// Lose says what else does not arrive; nil for nothing.
	Lose func(Datagram) bool
	// Clock is the party that has a clock of its own; nil for none.
	Clock Clock

	now   time.Time
	todo  agenda
	seq   int
	hosts map[netip.AddrPort]func(from netip.AddrPort, raw []byte)
	held  []held
	sent  []Datagram
}

// A Clock is moved from one of its times to the next.
type Clock interface {
	Next() (at time.Time, ok bool)
	Advance(now time.Time)
}

// A Fate is what becomes of one datagram. The zero Fate: it arrives.
type Fate struct {
	Lost   bool
	Copies int           // further ones, each a moment after the one before
	Delay  time.Duration // besides Latency
	Behind int           // it waits until so many later ones have been sent, for 4.5 s at most
}

// Latency is how long a datagram travels that nothing happens to.
const Latency = 10 * time.Millisecond

// patience is how long a datagram with Behind waits at most.
const patience = 4500 * time.Millisecond

// A Datagram is one that was sent.
type Datagram struct {
	At       time.Time
	From, To netip.AddrPort
	Fate     Fate
	Message  *sipmsg.Message // nil when it does not parse
	Arrived  []time.Time
}

type held struct {
	until   int // as many as have been sent then
	deliver func()
}

// NewNetwork makes a network whose time is now.
func NewNetwork(now time.Time) *Network {
	return &Network{now: now, hosts: make(map[netip.AddrPort]func(netip.AddrPort, []byte))}
}

// Attach has receive called with what is sent to an address.
func (n *Network) Attach(addr netip.AddrPort, receive func(from netip.AddrPort, raw []byte)) {
	n.hosts[addr] = receive
}

// Now is the time.
func (n *Network) Now() time.Time { return n.now }

// Sent is every datagram so far, in order.
func (n *Network) Sent() []Datagram { return n.sent }

// After runs fn when d has passed.
func (n *Network) After(d time.Duration, fn func()) {
	n.seq++
	heap.Push(&n.todo, errand{n.now.Add(d), n.seq, fn})
}

// Send carries a datagram.
func (n *Network) Send(from, to netip.AddrPort, raw []byte) {
	k := len(n.sent)
	d := Datagram{At: n.now, From: from, To: to}
	d.Message, _ = sipmsg.Parse(raw)
	if k < len(n.Fates) {
		d.Fate = n.Fates[k]
	}
	d.Fate.Lost = d.Fate.Lost || n.Lose != nil && n.Lose(d)
	n.sent = append(n.sent, d)
	n.release()
	if d.Fate.Lost {
		return
	}
	deliver := func() {
		n.sent[k].Arrived = append(n.sent[k].Arrived, n.now)
		if receive := n.hosts[to]; receive != nil {
			receive(from, raw)
		}
	}
	for i := range d.Fate.Copies {
		n.After(Latency+d.Fate.Delay+time.Duration(i+1)*time.Millisecond, deliver)
	}
	if d.Fate.Behind == 0 {
		n.After(Latency+d.Fate.Delay, deliver)
		return
	}
	arrived := false
	once := func() {
		if !arrived {
			arrived = true
			deliver()
		}
	}
	n.held = append(n.held, held{k + 1 + d.Fate.Behind, once})
	n.After(patience, once)
}

// release delivers what has waited for enough others.
func (n *Network) release() {
	rest := n.held[:0]
	for _, h := range n.held {
		if len(n.sent) < h.until {
			rest = append(rest, h)
			continue
		}
		n.After(Latency+time.Millisecond, h.deliver)
	}
	n.held = rest
}

// Run has everything happen until nothing is left to happen, and reports whether
// that was before the time limit.
func (n *Network) Run(limit time.Duration) bool {
	end := n.now.Add(limit)
	for {
		at, ok := time.Time{}, false
		if n.Clock != nil {
			at, ok = n.Clock.Next()
		}
		if len(n.todo) > 0 && (!ok || n.todo[0].at.Before(at)) {
			at, ok = n.todo[0].at, true
		}
		switch {
		case !ok:
			return true
		case at.After(end):
			return false
		case at.After(n.now):
			n.now = at
		}
		if n.Clock != nil {
			n.Clock.Advance(n.now)
		}
		if len(n.todo) > 0 && !n.todo[0].at.After(n.now) {
			heap.Pop(&n.todo).(errand).do()
		}
	}
}

// String is all that was sent, a line each, with what became of it.
func (n *Network) String() string {
	if len(n.sent) == 0 {
		return "nothing was sent"
	}
	var b strings.Builder
	begin := n.sent[0].At
	for i, d := range n.sent {
		what := "rubbish"
		if d.Message != nil {
			what = Describe(d.Message)
		}
		fmt.Fprintf(&b, "%3d %8.3f %v > %v %s", i, d.At.Sub(begin).Seconds(), d.From, d.To, what)
		if d.Fate != (Fate{}) {
			fmt.Fprintf(&b, "  %+v", d.Fate)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// An errand is something to do at a time. Errands of one time keep their order.
type errand struct {
	at  time.Time
	seq int
	do  func()
}

type agenda []errand

// Len is the number of errands (heap.Interface).
func (a agenda) Len() int { return len(a) }

// Less orders them by time (heap.Interface).
func (a agenda) Less(i, j int) bool {
	return a[i].at.Before(a[j].at) || a[i].at.Equal(a[j].at) && a[i].seq < a[j].seq
}

// Swap swaps two (heap.Interface).
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }

// Push adds one (heap.Interface).
func (a *agenda) Push(x any) { *a = append(*a, x.(errand)) }

// Pop takes the last one (heap.Interface).
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}
