package txn_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
	"unsafe"

	"b2bua/legs/txn"
)

// What is kept for the 32 s that follow a call is what those seconds may need.
func TestBytesKept(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		s    subject
		path []string
		want string
	}{
		{"INVITE, nothing heard", newClient(txn.Invite, "INVITE", false), nil, "request"},
		{"INVITE, ringing", newClient(txn.Invite, "INVITE", false), []string{"receive 180"}, ""},
		{"INVITE, answered", newClient(txn.Invite, "INVITE", false), []string{"receive 200"}, ""},
		{"INVITE, answered by one fork, refused by another", newClient(txn.Invite, "INVITE", false), []string{"receive 200", "ack", "receive 486"}, ""},
		{"INVITE, refused", newClient(txn.Invite, "INVITE", false), []string{"ack", "receive 486"}, "ack"},
		{"INVITE, refused over TCP: to be sent once more", newClient(txn.Invite, "INVITE", true), []string{"ack", "receive 486"}, "ack"},
		{"INVITE, refused and over", newClient(txn.Invite, "INVITE", false), []string{"ack", "receive 486", "expire"}, ""},
		{"BYE, 100 heard", newClient(txn.NonInvite, "BYE", false), []string{"receive 100"}, "request"},
		{"BYE, over TCP", newClient(txn.NonInvite, "BYE", true), nil, "request"},
		{"BYE, answered", newClient(txn.NonInvite, "BYE", false), []string{"receive 200"}, ""},
		{"INVITE in, ringing", newServer(txn.Invite, "INVITE", false), []string{"respond 100", "respond 183"}, "183"},
		{"INVITE in, answered", newServer(txn.Invite, "INVITE", false), []string{"respond 183", "respond 200"}, "200"},
		{"INVITE in, acknowledged", newServer(txn.Invite, "INVITE", false), []string{"respond 200", "ACK"}, ""},
		{"INVITE in, refused", newServer(txn.Invite, "INVITE", false), []string{"respond 300"}, "300"},
		{"INVITE in, refused and acknowledged", newServer(txn.Invite, "INVITE", false), []string{"respond 300", "ACK"}, ""},
		{"BYE in, answered", newServer(txn.NonInvite, "BYE", false), []string{"respond 200"}, "200"},
		{"BYE in, answered over TCP: to be sent once", newServer(txn.NonInvite, "BYE", true), []string{"respond 200"}, "200"},
		{"BYE in, over", newServer(txn.NonInvite, "BYE", false), []string{"respond 200", "expire"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, in := range tt.path {
				if c, ok := tt.s.(*client); ok && in == "ack" {
					c.SetAck([]byte("ack"))
					continue
				}
				tt.s.do(in, epoch)
			}
			if got := stored(tt.s); got != tt.want {
				t.Errorf("keeps %q, want %q", got, tt.want)
			}
		})
	}
}

func stored(s subject) string {
	switch s := s.(type) {
	case *client:
		return string(s.Request) + string(s.Ack)
	case *server:
		return string(s.Response)
	}
	return "?"
}

// A node with 1000 calls a second holds 32,000 of each in their last state.
func TestSize(t *testing.T) {
	t.Parallel()
	if size := unsafe.Sizeof(txn.Client{}); size > 232 {
		t.Errorf("a Client takes %d bytes", size)
	}
	if size := unsafe.Sizeof(txn.Server{}); size > 176 {
		t.Errorf("a Server takes %d bytes", size)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	c := newClient(txn.Invite, "INVITE", false)
	c.SetAck([]byte{0, 255})
	c.Receive(404, epoch.Add(time.Second))
	text, err := json.Marshal(c.Client)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"kind":"invite","state":"completed","method":"INVITE","branch":"z9hG4bKx","ack":"AP8=",` +
		`"clock":{"timers":{"t1":500000000,"t2":4000000000,"t4":5000000000,"c":181000000000,"d":32000000000},` +
		`"expire_at":"2026-03-01T12:00:33Z"}}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	var back txn.Client
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, c.Client) {
		t.Errorf("got %+v, want %+v", back, c.Client)
	}
	for _, bad := range []string{`{"kind":"x"}`, `{"state":"x"}`} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

// The zero transaction is inert: nothing panics, nothing is sent.
func TestZero(t *testing.T) {
	t.Parallel()
	for _, kind := range []txn.Kind{0, txn.Invite, txn.NonInvite} {
		c := &client{txn.Client{Kind: kind}}
		for _, in := range clientInputs {
			if res, _ := c.do(in, epoch); res != (txn.Result{}) || c.State != 0 {
				t.Errorf("%v client: %s gives %v", kind, in, res)
			}
		}
		s := &server{txn.Server{Kind: kind}}
		for _, in := range serverInputs {
			if res, _ := s.do(in, epoch); res != (txn.Result{}) || s.State != 0 || s.Response != nil {
				t.Errorf("%v server: %s gives %v", kind, in, res)
			}
		}
	}
}

func TestStepsDoNotAllocate(t *testing.T) {
	response := []byte("200")
	request := []byte("request")
	allocs := testing.AllocsPerRun(100, func() {
		c, _ := txn.NewClient(txn.Invite, "INVITE", "z9hG4bKx", request, false, epoch, nil)
		c.Fire(epoch.Add(500 * time.Millisecond))
		c.Receive(180, epoch.Add(time.Second))
		c.Receive(200, epoch.Add(2*time.Second))
		c.Fire(epoch.Add(time.Minute))
		s, _ := txn.NewServer(txn.Invite, "INVITE", false, epoch, nil)
		s.Respond(200, response, epoch)
		s.Receive("INVITE", epoch)
		s.Fire(epoch.Add(time.Minute))
	})
	if allocs != 0 {
		t.Errorf("%v allocations, want none", allocs)
	}
}
