package legs

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"b2bua/legs/transport"
)

// A queueing is the wire of a lab whose connections are slow: what is given to it
// stays where it is, and has to stay what it was.
type queueing struct {
	*lab
	held []transport.Outgoing // over TCP
	then [][]byte             // what they were
}

// Write holds what goes over TCP (wire).
func (q *queueing) Write(batch []transport.Outgoing) {
	for _, o := range batch {
		if q.stack.listeners[o.Flow.Listener].Transport == "tcp" {
			q.held, q.then = append(q.held, o), append(q.then, bytes.Clone(o.Data))
		}
	}
	q.lab.Write(batch)
}

// Select knows a listener of each transport (wire).
func (q *queueing) Select(_, proto string, dst netip.AddrPort) (int, bool) {
	if proto == "tcp" {
		return 1, true
	}
	return q.lab.Select("", proto, dst)
}

// Connect has a connection to everybody (wire).
func (q *queueing) Connect(f transport.Flow, _ time.Duration, _ func(transport.Flow, error)) (transport.Flow, bool, error) {
	f.Conn = 9
	return f, true, nil
}

func newQueueing(t *testing.T) *queueing {
	t.Helper()
	q := &queueing{lab: newLab(t)}
	q.stack.listeners = append(q.stack.listeners, transport.Listener{URL: "tcp://192.0.2.1", Network: "default", Transport: "tcp", Addr: labServer, Advertise: labServer.String()})
	q.stack.wire = q
	return q
}

// intact fails when something that is held is not what it was.
func (q *queueing) intact(least int) {
	q.t.Helper()
	if len(q.held) < least {
		q.t.Errorf("%d messages are held, want %d", len(q.held), least)
	}
	for i, o := range q.held {
		if !bytes.Equal(o.Data, q.then[i]) {
			q.t.Errorf("was\n%s\nis\n%s", q.then[i], o.Data)
		}
	}
}

// What a transaction has sent over a connection may be queued there for longer
// than the transaction lasts.
func TestQueuedResponsesStay(t *testing.T) {
	q := newQueueing(t)
	q.onInvite = func(_ *Core, in *Inbound, _ *Invite) {
		in.Progress(180, false, nil, Body{})
		in.Refuse(486, "", nil)
	}
	hear := func(text string) {
		flow := transport.Flow{Listener: 1, Peer: labPeer, Conn: 9}
		q.stack.receive([]transport.Packet{{Flow: flow, Data: []byte(strings.ReplaceAll(crlf(text), "/UDP", "/TCP")), At: q.now}})
	}
	for i := range 3 {
		invite := strings.NewReplacer("z9hG4bK1", fmt.Sprint("z9hG4bK", i), "call-a", fmt.Sprint("call-", i)).Replace(callerInvite)
		hear(invite)
		tag := field(q.then[len(q.then)-1], "To: ")
		ack := strings.ReplaceAll(invite, "INVITE", "ACK")
		hear(strings.Replace(ack, "To: <sip:33@example>", tag, 1))
	}
	q.pass(time.Minute)
	q.intact(6)
}

// field is a line of a message.
func field(raw []byte, name string) string {
	_, rest, _ := strings.Cut(string(raw), "\r\n"+name)
	value, _, _ := strings.Cut(rest, "\r\n")
	return name + value
}

// A request that TCP has lost goes by UDP, whatever the connection has of it.
func TestQueuedRequestStays(t *testing.T) {
	q := newQueueing(t)
	for range 3 {
		q.on(3, func(c *Core) {
			c.Dial(q, Peer{Trunk: "pbx", InDialogSource: "trunk", Address: labPeer, MTU: 100}, &Call{
				RequestURI: "sip:33@198.51.100.1", From: "<sip:a@192.0.2.1>", To: "<sip:33@198.51.100.1>", MaxForwards: 69,
			})
		})
	}
	q.stack.connectionLost(transport.Flow{Listener: 1, Peer: labPeer, Conn: 9}, transport.ErrGone)
	said := q.said()
	last := said[len(said)-1]
	if last.Flow.Listener != 0 || !bytes.Contains(last.Data, []byte("SIP/2.0/UDP")) {
		t.Errorf("said %q by %+v", last.Data, last.Flow)
	}
	q.pass(time.Minute)
	q.intact(3)
}
