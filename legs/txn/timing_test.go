package txn_test

import (
	"slices"
	"testing"
	"time"

	"b2bua/legs/txn"
)

// sent lists when, from the start on, a subject that nobody talks to sends its
// stored bytes, and when it ends.
func sent(t *testing.T, s subject, run func(time.Time) txn.Result) (sends []time.Duration, end time.Duration, last txn.Action) {
	t.Helper()
	for range 100 {
		at := earlier(s.clock())
		if at.IsZero() {
			return sends, end, last
		}
		res := run(at)
		if res.Do.Has(txn.SendStored) {
			sends = append(sends, at.Sub(epoch))
		}
		end, last = at.Sub(epoch), res.Do
	}
	t.Fatal("it does not end")
	return nil, 0, 0
}

func ms(values ...int) (out []time.Duration) {
	for _, v := range values {
		out = append(out, time.Duration(v)*time.Millisecond)
	}
	return out
}

func TestRetransmissionInstants(t *testing.T) {
	t.Parallel()
	c := newClient(txn.Invite, "INVITE", false)
	tcp := newClient(txn.Invite, "INVITE", true)
	e := newClient(txn.NonInvite, "BYE", false)
	proceeding := newClient(txn.NonInvite, "BYE", false)
	proceeding.Fire(epoch.Add(500 * time.Millisecond))
	proceeding.Receive(100, epoch.Add(700*time.Millisecond))
	g := newServer(txn.Invite, "INVITE", false)
	g.Respond(486, []byte("486"), epoch)
	gTCP := newServer(txn.Invite, "INVITE", true)
	gTCP.Respond(486, []byte("486"), epoch)

	tests := []struct {
		name string
		s    subject
		run  func(time.Time) txn.Result
		want []time.Duration
		last txn.Action
	}{
		// RFC 3261 §17.1.1.2: 0 ms, 500, 1500, 3500, 7500, 15500, 31500; given up after 32 s.
		{"timer A", c, c.Fire, ms(500, 1500, 3500, 7500, 15500, 31500), txn.Timeout | txn.Done},
		{"no timer A over TCP", tcp, tcp.Fire, nil, txn.Timeout | txn.Done},
		// RFC 3261 §17.1.2.2: 500 ms, 1 s, 2 s, 4 s, 4 s, …
		{"timer E", e, e.Fire, ms(500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500), txn.Timeout | txn.Done},
		// The retransmission that was pending stays, those after it are T2 apart.
		{
			"timer E after a 100", proceeding, proceeding.Fire,
			ms(1500, 5500, 9500, 13500, 17500, 21500, 25500, 29500), txn.Timeout | txn.Done,
		},
		// RFC 3261 §17.2.1.
		{"timer G", g, g.Fire, ms(500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500), txn.Timeout | txn.Done},
		{"no timer G over TCP", gTCP, gTCP.Fire, nil, txn.Timeout | txn.Done},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, end, last := sent(t, tt.s, tt.run)
			if !slices.Equal(got, tt.want) {
				t.Errorf("sent again at %v, want %v", got, tt.want)
			}
			if end != 32*time.Second || last != tt.last {
				t.Errorf("ended at %v with %v, want 32s with %v", end, last, tt.last)
			}
		})
	}
}

// Every state but the ones that wait for the owner ends by itself, this long
// after it began.
func TestStateDurations(t *testing.T) {
	t.Parallel()
	const entered = 3 * time.Second // after the start
	tests := []struct {
		name  string
		s     subject
		path  []string // the last one at entered, the others just before
		want  time.Duration
		after txn.State
	}{
		{"timer B", newClient(txn.Invite, "INVITE", true), nil, 32 * time.Second, txn.Terminated},
		{"timer C", newClient(txn.Invite, "INVITE", false), []string{"receive 100"}, 181 * time.Second, txn.Cancelling},
		{
			"timer C starts again at a 180", newClient(txn.Invite, "INVITE", false),
			[]string{"receive 100", "receive 180", "receive 180"},
			181 * time.Second, txn.Cancelling,
		},
		{
			"no final response to CANCEL", newClient(txn.Invite, "INVITE", true),
			[]string{"receive 180", "cancelled"},
			32 * time.Second, txn.Terminated,
		},
		{"timer D", newClient(txn.Invite, "INVITE", false), []string{"receive 486"}, 32 * time.Second, txn.Terminated},
		{"timer M", newClient(txn.Invite, "INVITE", false), []string{"receive 200"}, 32 * time.Second, txn.Terminated},
		{"timer M over TCP", newClient(txn.Invite, "INVITE", true), []string{"receive 200"}, 32 * time.Second, txn.Terminated},
		{"timer F", newClient(txn.NonInvite, "BYE", true), nil, 32 * time.Second, txn.Terminated},
		{"timer K", newClient(txn.NonInvite, "BYE", false), []string{"receive 200"}, 5 * time.Second, txn.Terminated},
		{"timer H", newServer(txn.Invite, "INVITE", true), []string{"respond 300"}, 32 * time.Second, txn.Terminated},
		{"timer I", newServer(txn.Invite, "INVITE", false), []string{"respond 300", "ACK"}, 5 * time.Second, txn.Terminated},
		{"timer J", newServer(txn.NonInvite, "BYE", false), []string{"respond 200"}, 32 * time.Second, txn.Terminated},
		{"timer L", newServer(txn.Invite, "INVITE", false), []string{"respond 200"}, 32 * time.Second, txn.Terminated},
		{"timer L over TCP", newServer(txn.Invite, "INVITE", true), []string{"respond 200"}, 32 * time.Second, txn.Terminated},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			began := epoch
			for i, in := range tt.path {
				began = epoch.Add(entered - time.Duration(len(tt.path)-1-i)*time.Second)
				tt.s.do(in, began)
			}
			at := tt.s.clock().ExpireAt
			if got := at.Sub(began); got != tt.want {
				t.Fatalf("lasts %v, want %v", got, tt.want)
			}
			tt.s.do("expire", at)
			if tt.s.state() != tt.after {
				t.Errorf("then %v, want %v", tt.s.state(), tt.after)
			}
		})
	}
}

// 100 quenches retransmission but is no sign that the far end rings: RFC 3261
// §16.7 step 2 restarts timer C for 101-199 only.
func TestTimerCIgnoresA100(t *testing.T) {
	t.Parallel()
	c := newClient(txn.Invite, "INVITE", false)
	c.Receive(180, epoch.Add(time.Second))
	before := c.Clock.ExpireAt
	c.Receive(100, epoch.Add(2*time.Second))
	if c.Clock.ExpireAt != before {
		t.Error("a 100 restarted timer C")
	}
}

// Timer F is one timer from the request to the final response (§17.1.2.2): a
// provisional response does not give the peer another 32 s.
func TestTimerFRunsOnInProceeding(t *testing.T) {
	t.Parallel()
	c := newClient(txn.NonInvite, "BYE", false)
	c.Receive(100, epoch.Add(20*time.Second))
	if got := c.Clock.ExpireAt.Sub(epoch); got != 32*time.Second {
		t.Errorf("expires after %v, want 32s", got)
	}
}

func TestLateFire(t *testing.T) {
	t.Parallel()
	c := newClient(txn.Invite, "INVITE", false)
	res := c.Fire(epoch.Add(507 * time.Millisecond))
	if want := epoch.Add(1500 * time.Millisecond); res.Do != txn.SendStored || !res.Wake.Equal(want) {
		t.Errorf("7 ms late: %v, next %v, want %v", res.Do, res.Wake, want)
	}
	late := epoch.Add(20 * time.Second) // the process slept through four retransmissions
	res = c.Fire(late)
	if res.Do != txn.SendStored || !res.Wake.After(late) {
		t.Errorf("after a sleep: %v, next %v: want one retransmission, and the next in the future", res.Do, res.Wake)
	}
	res = c.Fire(epoch.Add(time.Hour))
	if res.Do != txn.Timeout|txn.Done {
		t.Errorf("an hour later: %v, want it given up without another request", res.Do)
	}
}

func TestTimersOfATrunk(t *testing.T) {
	t.Parallel()
	c, res := txn.NewClient(txn.NonInvite, "OPTIONS", "z9hG4bKx", []byte("x"), false, epoch,
		&txn.Timers{T1: 100 * time.Millisecond, T2: 150 * time.Millisecond})
	want := []time.Duration{100 * time.Millisecond, 250 * time.Millisecond, 400 * time.Millisecond}
	for _, at := range want {
		if got := res.Wake.Sub(epoch); got != at {
			t.Fatalf("sent again after %v, want %v", got, at)
		}
		res = c.Fire(res.Wake)
	}
	if got := c.Clock.ExpireAt.Sub(epoch); got != 6400*time.Millisecond {
		t.Errorf("given up after %v, want 64 times T1", got)
	}
	if c.Clock.Timers.T4 != 5*time.Second {
		t.Errorf("T4 is %v, want the RFC's", c.Clock.Timers.T4)
	}
}
