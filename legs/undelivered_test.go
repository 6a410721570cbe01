package legs

import (
	"bytes"
	"net/netip"
	"syscall"
	"testing"

	"b2bua/legs/sipmsg"
	"b2bua/legs/transport"
)

// An inviting is a lab with an INVITE on its way, and what became of it.
type inviting struct {
	*lab
	invite  transport.Outgoing
	refused []Event
}

func newInviting(t *testing.T) *inviting {
	t.Helper()
	r := newRelay(t)
	i := &inviting{lab: r.lab}
	r.lab.onEvent = func(_ *Core, ev Event) {
		if ev.Kind == Refused {
			i.refused = append(i.refused, ev)
		}
	}
	r.lab.hear(labPeer, []byte(carrierInvite("undelivered")))
	for _, out := range r.lab.wire {
		if bytes.HasPrefix(out.Data, []byte("INVITE ")) {
			i.invite = out
		}
	}
	if i.invite.Data == nil {
		t.Fatal("no INVITE")
	}
	r.lab.wire = nil
	return i
}

// at is the error's report with another destination.
func (i *inviting) at(peer netip.AddrPort) transport.Outgoing {
	out := i.invite
	out.Flow.Peer = peer
	return out
}

// The network says that the INVITE has not arrived: its leg hears so at once.
func TestUndelivered(t *testing.T) {
	t.Parallel()
	for _, quoted := range []int{200, 1 << 16} {
		i := newInviting(t)
		out := i.invite
		out.Data = out.Data[:min(quoted, len(out.Data))]
		i.stack.sendError(out, syscall.ECONNREFUSED)
		if len(i.refused) != 1 || i.refused[0].Cause != ByTransport || i.refused[0].Status != 503 {
			t.Errorf("%d bytes quoted: %+v", quoted, i.refused)
		}
		i.stack.sendError(out, syscall.ECONNREFUSED)
		if len(i.refused) != 1 {
			t.Errorf("twice: %+v", i.refused)
		}
	}
}

// An error ends nothing that it is not about: another destination, a response,
// an ACK, a branch of nobody's, a request that has been answered.
func TestUndeliveredIsOfThatTransaction(t *testing.T) {
	t.Parallel()
	i := newInviting(t)
	peer := i.invite.Flow.Peer
	for _, other := range []netip.AddrPort{
		labNobody, netip.AddrPortFrom(peer.Addr(), peer.Port()+1), netip.AddrPortFrom(labNobody.Addr(), peer.Port()), {},
	} {
		i.stack.sendError(i.at(other), syscall.ECONNREFUSED)
	}
	for _, data := range [][]byte{
		i.invite.Data[:40], nil,
		append([]byte("ACK"), i.invite.Data[len("INVITE"):]...),
		append([]byte("BYE"), i.invite.Data[len("INVITE"):]...),
		bytes.Replace(i.invite.Data, []byte(";branch=z9"), []byte(";branch=y9"), 1),
	} {
		out := i.invite
		out.Data = data
		i.stack.sendError(out, syscall.ECONNREFUSED)
	}
	m, err := sipmsg.Parse(i.invite.Data)
	if err != nil {
		t.Fatal(err)
	}
	i.hear(labPeer, bytesOf(t, sipmsg.NewResponse(m, 180, "", "g")))
	i.stack.sendError(i.invite, syscall.ECONNREFUSED) // late
	if len(i.refused) != 0 {
		t.Errorf("%+v", i.refused)
	}
	i.hear(labPeer, bytesOf(t, sipmsg.NewResponse(m, 486, "", "g")))
	i.stack.sendError(i.invite, syscall.ECONNREFUSED) // later still
	if len(i.refused) != 1 || i.refused[0].Status != 486 {
		t.Errorf("%+v", i.refused)
	}
}

// A request that is too long for a link on its way is sent once more, for the
// kernel to cut; when that does not help it has failed.
func TestUndeliveredTooLong(t *testing.T) {
	t.Parallel()
	i := newInviting(t)
	i.stack.sendError(i.invite, syscall.EMSGSIZE)
	if len(i.refused) != 0 || len(i.wire) != 1 || !bytes.Equal(i.wire[0].Data, i.invite.Data) || i.wire[0].Flow != i.invite.Flow {
		t.Fatalf("%+v, %d messages", i.refused, len(i.wire))
	}
	i.stack.sendError(i.invite, syscall.EMSGSIZE)
	if len(i.refused) != 1 || i.refused[0].Cause != ByTransport {
		t.Errorf("%+v", i.refused)
	}
}
