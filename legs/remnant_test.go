package legs

import (
	"bytes"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"b2bua/legs/shard"
	"b2bua/legs/sipmsg"
	"b2bua/legs/transport"
	"b2bua/legs/txn"
)

// A remnant gives back the transaction that it was made of.
func TestRemnantIsTheTransaction(t *testing.T) {
	t.Parallel()
	timers := txn.Defaults()
	until := txn.Clock{Timers: &timers, ExpireAt: dawn.Add(time.Hour + 7)}
	four := transport.Flow{Listener: 3, Peer: labPeer}
	six := transport.Flow{Conn: 1<<64 - 1, Peer: netip.MustParseAddrPort("[fe80::1%eth0]:65535")}
	long := bytes.Repeat([]byte("0123456789abcdef"), 4096) // 64 KB
	for name, tx := range map[string]serverTx{
		"a BYE": {Server: txn.Server{Kind: txn.NonInvite, State: txn.Completed, Method: "BYE", Response: []byte("SIP/2.0 200 OK"), Clock: until}, flow: four},
		"a method of no RFC, a long response": {
			Server: txn.Server{Kind: txn.NonInvite, State: txn.Completed, Method: "X-" + string(long[:300]), Response: long, Clock: until}, flow: six,
		},
		"an INVITE": {
			Server: txn.Server{Kind: txn.Invite, State: txn.Accepted, Method: "INVITE", Reliable: true, Clock: until}, flow: six,
			past: &past{remote: Remote{Flow: four, Trunk: "pbx", Accept: "flow", MTU: -1}, tag: string(long[:200])},
		},
		"an INVITE of a leg without anything": {Server: txn.Server{Kind: txn.Invite, State: txn.Accepted, Method: "INVITE", Clock: until}, past: &past{}},
	} {
		var g images
		m := remnants{base: dawn, timers: &timers}
		for range 9 { // the ring grows, the texts are several
			m.add(&tx, &g)
		}
		for r := range m.all() {
			got := m.copy(r)
			if !got.lingers {
				t.Errorf("%s: a copy does not say that it is one", name)
			}
			if got.lingers = false; !reflect.DeepEqual(*got, tx) {
				t.Errorf("%s:\ngot  %+v\nwant %+v", name, *got, tx)
			}
		}
	}
}

// Whatever their numbers, their sizes and how many there are: each is found as it
// was added, the oldest goes first, and all memory comes back, once.
func TestRemnantsModel(t *testing.T) {
	t.Parallel()
	timers := txn.Defaults()
	rapid.Check(t, func(t *rapid.T) {
		start := rapid.SampledFrom([]uint32{0, 5, numbers - 3, numbers}).Draw(t, "first number")
		m := remnants{base: dawn, timers: &timers, first: start, next: start, number: 1<<32 - 2}
		var g images
		var model [][]byte
		n := 0
		var spent [][]byte
		add := func(t *rapid.T, size int) {
			n++
			raw := bytes.Repeat([]byte{byte(n)}, size) //nolint:gosec // any byte
			m.add(&serverTx{Server: txn.Server{Method: "BYE", Response: raw, Clock: txn.Clock{ExpireAt: dawn}}}, &g)
			model = append(model, raw)
		}
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				if m.len() != len(model) {
					t.Fatalf("%d remnants, want %d", m.len(), len(model))
				}
				i := 0
				for r := range m.all() {
					if got := m.copy(r).Response; !bytes.Equal(got, model[i]) {
						t.Fatalf("remnant %d: %d bytes, want %d", i, len(got), len(model[i]))
					}
					i++
				}
				if len(model) == 0 && len(m.texts) != 0 {
					t.Fatalf("%d texts for nothing", len(m.texts))
				}
				if len(m.ring) > max(outKeep, 8*len(model)+8) {
					t.Fatalf("a ring of %d for %d", len(m.ring), len(model))
				}
			},
			"add": func(t *rapid.T) { add(t, rapid.SampledFrom([]int{1, 300, 2000, 5000}).Draw(t, "size")) },
			"add many": func(t *rapid.T) {
				for range rapid.IntRange(1, 100).Draw(t, "how many") {
					add(t, 50)
				}
			},
			"pop": func(t *rapid.T) {
				for range min(len(model), rapid.IntRange(1, 120).Draw(t, "how many")) {
					spent = m.pop(spent)
					model = model[1:]
				}
				for i, a := range spent {
					if slices.ContainsFunc(spent[i+1:], func(b []byte) bool { return &a[0] == &b[0] }) {
						t.Fatal("the same memory comes back twice")
					}
				}
				for _, raw := range spent {
					clear(raw) // nobody else has it
				}
				spent = nil
			},
		})
	})
}

// A call that has ended: what its transactions do at any time, with legs or
// without, until 64*T1 are over and from then on.
func TestRemnantsAbsorb(t *testing.T) {
	t.Parallel()
	r := newRelay(t)
	r.lab.stack.newSeed = func(id shard.ID) shard.Seed { return shard.NewSeed(1, id) }
	const calls = 1500 // some on each shard, over three times 64*T1
	var d [calls]dialogue
	var said [calls]string
	cancel := func(i int) *sipmsg.Message {
		m, err := sipmsg.Parse(d[i].invite)
		if err != nil {
			t.Fatal(err)
		}
		return &sipmsg.Message{
			Method: "CANCEL", RequestURI: m.RequestURI, Vias: m.Vias, From: m.From, To: m.To, CallID: m.CallID, CSeq: m.CSeq, MaxForwards: 70,
		}
	}
	status := func(i int, from netip.AddrPort, raw []byte) string {
		r.lab.said()
		r.lab.hear(from, raw)
		list := r.lab.said()
		if len(list) == 0 {
			return "nothing"
		}
		m, err := sipmsg.Parse(list[0].Data)
		if err != nil || m.IsRequest() || len(list) > 1 {
			return "more"
		}
		if m.Method == "BYE" && m.Status == 200 && text(list) != said[i] {
			return "other bytes"
		}
		return fmt.Sprint(m.Status)
	}
	canceller := [...]netip.AddrPort{labPeer, netip.MustParseAddrPort("203.0.113.7:5060")}
	look := func(i int, within bool) {
		t.Helper()
		merged := bytes.Replace(d[i].invite, []byte("branch=z9hG4bK"), []byte("branch=z9hG4bKother"), 1)
		for _, tt := range []struct {
			what        string
			from        netip.AddrPort
			raw         []byte
			within, out string
		}{
			{"BYE", labPeer, d[i].bye, "200", "481"},
			{"ACK", labPeer, d[i].ack, "nothing", "nothing"},
			{"CANCEL", canceller[i%2], bytesOf(t, cancel(i)), [...]string{"200", "nothing"}[i%2], [...]string{"", "481"}[i%2]},
			{"INVITE", labPeer, d[i].invite, "nothing", ""},
			{"INVITE by another way", labPeer, merged, "482", ""},
		} {
			want := tt.within
			if !within {
				want = tt.out
			}
			if want == "" {
				continue // a new call, or a CANCEL that was answered since
			}
			if got := status(i, tt.from, tt.raw); got != want {
				t.Fatalf("call %d, %s: %s, want %s", i, tt.what, got, want)
			}
		}
	}
	const apart = 64 * time.Millisecond
	for i := range calls {
		d[i] = r.establish(fmt.Sprintf("remnant-%d", i))
		r.lab.hear(labPeer, d[i].bye)
		said[i] = text(slices.DeleteFunc(r.lab.said(), func(o transport.Outgoing) bool { return !bytes.HasPrefix(o.Data, []byte("SIP/2.0 200")) }))
		r.pair, r.lab.in, r.lab.invs = nil, nil, nil
		for back := range 10 { // 0 to 28.8 s ago, and 32 s and more
			if j := i - back*50; j >= 0 {
				look(j, true)
			}
		}
		if j := i - 499; j >= 0 { // 31.936 s
			look(j, true)
		}
		if j := i - 500; j >= 0 { // 32 s
			look(j, false)
		}
		r.lab.pass(apart)
	}
	if r.lab.crashes != 0 {
		t.Errorf("%d crashes", r.lab.crashes)
	}
	r.lab.pass(70 * time.Second)
	r.lab.empty()
}
