package config

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNetworkListFillsIn(t *testing.T) {
	c := Default()
	c.SIP.Unknown = "drop"
	c.SIP.Advertise = "198.51.100.1"
	c.Networks = map[string]Network{
		"b": {Listen: []string{"udp://127.0.0.2:5060"}, Unknown: "reject", Media: NetworkMedia{Ports: PortRange{Min: 2000, Max: 3000}}},
		"a": {Listen: []string{"udp://127.0.0.3:5060"}},
	}
	list := c.NetworkList()
	var got []string
	for _, n := range list {
		got = append(got, n.Name+" "+n.Unknown+" "+n.Media.Ports.String()+" "+n.Advertise)
	}
	want := []string{"default drop 10000-31999 198.51.100.1", "a drop 10000-31999 ", "b reject 2000-3000 "}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMediaAddress(t *testing.T) {
	four, six := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("2001:db8::1")
	for _, test := range []struct {
		name             string
		network          Network
		v6               bool
		bind, advertised string
	}{
		{"bound", Network{Media: NetworkMedia{Addresses: []netip.Addr{four}}}, false, "10.0.0.1", "10.0.0.1"},
		{"other family", Network{Media: NetworkMedia{Addresses: []netip.Addr{four}}}, true, "invalid IP", "invalid IP"},
		{"sip.advertise", Network{Advertise: "198.51.100.1", Media: NetworkMedia{Addresses: []netip.Addr{four, six}}}, false, "10.0.0.1", "198.51.100.1"},
		{"sip.advertise with port", Network{Advertise: "198.51.100.1:5070", Media: NetworkMedia{Addresses: []netip.Addr{four}}}, false, "10.0.0.1", "198.51.100.1"},
		{"sip.advertise of the other family", Network{Advertise: "198.51.100.1", Media: NetworkMedia{Addresses: []netip.Addr{four, six}}}, true, "2001:db8::1", "2001:db8::1"},
		{"sip.advertise is a name", Network{Advertise: "sbc.example.com", Media: NetworkMedia{Addresses: []netip.Addr{four}}}, false, "10.0.0.1", "10.0.0.1"},
		{"media.advertise first", Network{Advertise: "198.51.100.1", Media: NetworkMedia{Addresses: []netip.Addr{four}, Advertise: "198.51.100.2"}}, false, "10.0.0.1", "198.51.100.2"},
		{"IPv6", Network{Advertise: "[2001:db8::9]:5070", Media: NetworkMedia{Addresses: []netip.Addr{six}}}, true, "2001:db8::1", "2001:db8::9"},
	} {
		bind, advertised := test.network.MediaAddress(test.v6)
		if bind.String() != test.bind || advertised.String() != test.advertised {
			t.Errorf("%s: %s, %s; want %s, %s", test.name, bind, advertised, test.bind, test.advertised)
		}
	}
}

func TestParseListen(t *testing.T) {
	for text, want := range map[string]Listen{
		"udp://127.0.0.1:5060":                {Transport: "udp", Addr: netip.MustParseAddrPort("127.0.0.1:5060")},
		"udp://[::1]:0":                       {Transport: "udp", Addr: netip.MustParseAddrPort("[::1]:0")},
		"tls://0.0.0.0:5061?certificate=main": {Transport: "tls", Addr: netip.MustParseAddrPort("0.0.0.0:5061"), Certificate: "main"},
		"ws://127.0.0.1:80/":                  {Transport: "ws", Addr: netip.MustParseAddrPort("127.0.0.1:80")},
	} {
		if got, err := ParseListen(text); err != nil || got != want {
			t.Errorf("%s = %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "127.0.0.1:5060", "udp://", "udp://127.0.0.1:65536", "udp://127.0.0.1:x", "udp://a@127.0.0.1:1",
		"udp://127.0.0.1:1/x", "udp://127.0.0.1:1#x", "udp://127.0.0.1:1?certificate=a", "tls://127.0.0.1:1?certificate=a&certificate=b",
		"tls://127.0.0.1:1?cert=a", "udp://[fe80::1%25eth0]:1", "http://127.0.0.1:1",
	} {
		if got, err := ParseListen(text); err == nil || !strings.HasPrefix(err.Error(), "must ") {
			t.Errorf("%s = %+v, %v; want an error that says what it must be", text, got, err)
		}
	}
}

func TestPortsMayTouchListenersElsewhere(t *testing.T) {
	yaml := "sip: {listen: ['udp://127.0.0.2:15060']}\nmedia: {addresses: [127.0.0.1], ports: 10000-20000}"
	if _, err := load("x", []byte(yaml), nil); err != nil {
		t.Errorf("a listener on another address: %v", err)
	}
	yaml = "sip: {listen: ['udp://[::]:15060'], advertise: 'sbc.example.com:15060'}\nmedia: {addresses: [127.0.0.1], ports: 10000-20000}"
	if _, err := load("x", []byte(yaml), nil); err == nil {
		t.Error("[::]:15060 takes 127.0.0.1:15060 too, but passed")
	}
}

func TestPairsIsACount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := PortRange{Min: rapid.IntRange(0, 60).Draw(t, "min"), Max: rapid.IntRange(0, 60).Draw(t, "max")}
		want := 0
		for port := r.Min; port < r.Max; port++ {
			if port%2 == 0 {
				want++
			}
		}
		if got := r.Pairs(); got != want {
			t.Fatalf("%s has %d pairs, want %d", r, got, want)
		}
	})
}

// TestDistanceFindsOneEdit draws a key and changes one character; the nearest
// key must then be at distance one or zero.
func TestDistanceFindsOneEdit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-z_]{1,12}`).Draw(t, "word")
		at := rapid.IntRange(0, len(word)-1).Draw(t, "at")
		edited := map[string]string{
			"drop":   word[:at] + word[at+1:],
			"add":    word[:at] + "x" + word[at:],
			"change": word[:at] + "x" + word[at+1:],
		}
		if at+1 < len(word) {
			edited["swap"] = word[:at] + string([]byte{word[at+1], word[at]}) + word[at+2:]
		}
		for edit, other := range edited {
			got, back := distance(word, other), distance(other, word)
			if got != back || got > 1 || (got == 0) != (word == other) {
				t.Fatalf("%s: distance(%q, %q) = %d and back %d", edit, word, other, got, back)
			}
		}
	})
}

func TestLogger(t *testing.T) {
	var b strings.Builder
	log := Log{Level: "warn", Format: "json"}.Logger(&b)
	log.Info("no")
	log.Warn("yes")
	if got := b.String(); strings.Contains(got, "no") || !strings.HasPrefix(got, "{") || !strings.Contains(got, `"msg":"yes"`) {
		t.Errorf("log = %s", got)
	}
}

// A host with one address may have several networks on it.
func TestNetworksMayShareMedia(t *testing.T) {
	yaml := "networks: {outside: {listen: ['udp://127.0.0.1:5070'], media: {addresses: [127.0.0.1]}}}"
	if _, err := load("x", []byte(yaml), nil); err != nil {
		t.Error(err)
	}
}
