package sipmsg_test

import (
	"net/netip"
	"reflect"
	"testing"

	"b2bua/legs/sipmsg"
)

// FuzzRoom: a Room gives the same message however often it has been used, nothing
// is left in one that has been cleared, and the text and the headers of a message
// outlive its Room.
func FuzzRoom(f *testing.F) {
	f.Add(carrierINVITE, carrierOK)
	f.Add(carrierOK, carrierINVITE)
	f.Add(options("Route: <sip:a;lr>, <sip:b;lr>, <sip:c;lr>", "m: *"), options("Via: SIP/2.0/UDP evil", "v: x, y, z"))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		src := netip.MustParseAddrPort("203.0.113.10:5060")
		var room sipmsg.Room
		var headers [2][]sipmsg.Header
		for i, datagram := range [][]byte{first, second} {
			want, werr := sipmsg.Parse(datagram)
			got, err := room.Parse(datagram)
			if (err == nil) != (werr == nil) || !reflect.DeepEqual(got, want) {
				t.Fatalf("%v, %v\n%+v\n%+v", err, werr, got, want)
			}
			if err == nil {
				sipmsg.StampReceived(want, src)
				room.StampReceived(src)
				if !reflect.DeepEqual(got, want) || room.Message() != got {
					t.Fatalf("stamped\n%+v\n%+v", got, want)
				}
				headers[i] = got.Headers
			}
			if room.Clear(); !reflect.DeepEqual(room, sipmsg.Room{}) {
				t.Fatalf("left: %+v", room)
			}
		}
		if m, err := sipmsg.Parse(first); err == nil && !reflect.DeepEqual(headers[0], m.Headers) {
			t.Fatalf("headers were\n%+v\nare\n%+v", m.Headers, headers[0])
		}
	})
}
