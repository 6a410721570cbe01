package rtprelay

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestConfigValidateNamesFieldValueAndBound(t *testing.T) {
	t.Parallel()
	addr := func(s ...string) (all []netip.Addr) {
		for _, a := range s {
			all = append(all, netip.MustParseAddr(a))
		}
		return all
	}
	good := Network{Addresses: addr("127.0.0.1", "::1"), PortMin: 10000, PortMax: 10099}
	with := func(edit func(*Network)) func(*Config) {
		return func(c *Config) {
			n := good
			edit(&n)
			c.Networks = map[string]Network{"default": n}
		}
	}
	for name, tt := range map[string]struct {
		edit func(*Config)
		want string // "" = valid
	}{
		"zero of all optional": {func(*Config) {}, ""},
		"no network":           {func(c *Config) { c.Networks = nil }, "Networks is empty, want at least 1"},
		"no address":           {with(func(n *Network) { n.Addresses = nil }), `Networks["default"].Addresses is empty, want 1 or 2`},
		"wildcard":             {with(func(n *Network) { n.Addresses = addr("0.0.0.0") }), `Networks["default"].Addresses has 0.0.0.0, want a unicast address`},
		"multicast":            {with(func(n *Network) { n.Addresses = addr("ff02::1") }), `has ff02::1, want a unicast address`},
		"zone":                 {with(func(n *Network) { n.Addresses = addr("fe80::1%lo") }), `has fe80::1%lo, want an address without a zone`},
		"two of a family":      {with(func(n *Network) { n.Addresses = addr("127.0.0.1", "127.0.0.2") }), `has 127.0.0.2, want at most one address per family`},
		"low port":             {with(func(n *Network) { n.PortMin = 80 }), `Networks["default"].PortMin is 80, want 1024 to 65534`},
		"no room for a pair":   {with(func(n *Network) { n.PortMin, n.PortMax = 10001, 10002 }), `Networks["default"].PortMax is 10002, want 10003 to 65535`},
		"high port":            {with(func(n *Network) { n.PortMax = 65536 }), `Networks["default"].PortMax is 65536, want 10001 to 65535`},
		"workers":              {func(c *Config) { c.Workers = 257 }, "Workers is 257, want 1 to 256"},
		"negative workers":     {func(c *Config) { c.Workers = -1 }, "Workers is -1, want 1 to 256"},
		"learn packets":        {func(c *Config) { c.LearnPackets = 256 }, "LearnPackets is 256, want 1 to 255"},
		"sessions":             {func(c *Config) { c.MaxSessions = -1 }, "MaxSessions is -1, want 1 to 16777216"},
		"event queue":          {func(c *Config) { c.EventQueue = -1 }, "EventQueue is -1, want 1 to 1048576"},
		"quarantine":           {func(c *Config) { c.Quarantine = 2 * time.Hour }, "Quarantine is 2h0m0s, want at most 1h"},
		"batch delay":          {func(c *Config) { c.BatchDelay = time.Second }, "BatchDelay is 1s, want at most 20ms"},
		"spare sockets":        {func(c *Config) { c.SpareSockets = 1<<24 + 1 }, "SpareSockets is 16777217, want at most 16777216"},
		"spare idle":           {func(c *Config) { c.SpareIdle = time.Millisecond }, "SpareIdle is 1ms, want 1s to 1h"},
		"learn window":         {func(c *Config) { c.LearnWindow = -1 }, "LearnWindow is -1ns, want 0 to 1h"},
		"overlapping ranges": {func(c *Config) {
			c.Networks["outside"] = Network{Addresses: addr("127.0.0.1"), PortMin: 10050, PortMax: 10200}
		}, `Networks["outside"] has ports 10050-10200 on 127.0.0.1, want the range of Networks["default"], 10000-10099, or none of it`},
		"the same range":   {func(c *Config) { c.Networks["outside"] = good }, ""},
		"another address":  {func(c *Config) { c.Networks["outside"] = Network{addr("127.0.0.2"), 10050, 10200} }, ""},
		"ranges that meet": {func(c *Config) { c.Networks["outside"] = Network{addr("127.0.0.1"), 10100, 10200} }, ""},
	} {
		c := Config{Networks: map[string]Network{"default": good}}
		tt.edit(&c)
		err := c.Validate()
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}

func TestConfigValidateReportsEveryFault(t *testing.T) {
	t.Parallel()
	err := Config{Workers: -1, EventQueue: -1}.Validate()
	for _, want := range []string{"Networks", "Workers", "EventQueue"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
}

func TestNewRefusesAForeignAddress(t *testing.T) {
	t.Parallel()
	_, err := New(Config{Networks: map[string]Network{"default": {[]netip.Addr{netip.MustParseAddr("192.0.2.77")}, 10000, 10099}}})
	if want := `Networks["default"].Addresses has 192.0.2.77, want an address of this machine`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}
