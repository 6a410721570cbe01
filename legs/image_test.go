package legs

import (
	"reflect"
	"slices"
	"testing"
)

// Every field of what a shard remembers is either in its Image, or named here
// with the reason why it need not be.
func TestNoFieldIsForgotten(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		of    reflect.Type
		saved []string
		left  []string // found again from the rest, or nothing between two steps
	}{
		{reflect.TypeFor[Inbound](), []string{"InboundState", "shell", "tx"}, []string{"room"}},
		{reflect.TypeFor[Outbound](), []string{"OutboundState", "shell"}, nil},
		{
			reflect.TypeFor[shell](),
			[]string{"asked", "mute", "alarm", "hopURI", "hopAddr", "hopListener", "hopHome", "hopLost"},
			[]string{"core", "owner", "known", "hopBusy", "waiting"},
		},
		{reflect.TypeFor[serverTx](), []string{"Server", "key", "merge", "req", "flow", "leg", "past", "alarm"}, []string{"place", "lingers"}},
		{reflect.TypeFor[past](), []string{"remote", "tag"}, nil},
		{reflect.TypeFor[clientTx](), []string{"Client", "way", "leg", "cseq", "quiet", "alarm", "shrunk"}, []string{"hash"}},
		{reflect.TypeFor[way](), []string{"flow", "big", "plain"}, nil},
	} {
		known := append(slices.Clone(tt.saved), tt.left...)
		for f := range tt.of.Fields() {
			if name := f.Name; !slices.Contains(known, name) {
				t.Errorf("%v.%s: does it have to be written out? See image.go", tt.of, name)
			}
		}
		if len(known) != tt.of.NumField() {
			t.Errorf("%v has %d fields, %d are known", tt.of, tt.of.NumField(), len(known))
		}
	}
}

// An Image that contradicts itself is refused by the number that is wrong.
func TestImageThatContradictsItself(t *testing.T) {
	t.Parallel()
	in := LegImage{Inbound: &InboundState{}}
	for name, img := range map[string]Image{
		"a leg of no kind":                    {Legs: []LegImage{{}}},
		"a leg of both kinds":                 {Legs: []LegImage{{Inbound: &InboundState{}, Outbound: &OutboundState{}}}},
		"a transaction that is not there":     {Legs: []LegImage{{Inbound: &InboundState{}, Invite: 1}}},
		"a re-INVITE that is not there":       {Legs: []LegImage{{Inbound: &InboundState{}, Asked: -1}}},
		"a server's leg that is not there":    {Legs: []LegImage{in}, Servers: []ServerImage{{Leg: 2}}},
		"a client without a leg":              {Legs: []LegImage{in}, Clients: []ClientImage{{}}},
		"an alarm for what is not there":      {Alarms: []AlarmImage{{Server: 1}}},
		"an alarm for a leg before the first": {Alarms: []AlarmImage{{Leg: -1}}},
	} {
		if err := img.check(); err == nil {
			t.Errorf("%s is loaded", name)
		}
	}
}
