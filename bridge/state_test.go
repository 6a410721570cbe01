package bridge

import (
	"reflect"
	"slices"
	"testing"
)

// Every field of a call is either in its state, or named here with the reason why
// it need not be.
func TestNoFieldIsForgotten(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		of    reflect.Type
		saved []string // in state.go and restore.go
		left  []string // handles, and what is set only while a step is under way
	}{
		{
			reflect.TypeFor[call](),
			[]string{"ref", "m", "rec", "began", "answered", "seed", "in", "attempt", "media", "setup", "reply", "held", "silenced"},
			[]string{"b", "first", "offered", "queue", "applying", "finished"},
		},
		{
			reflect.TypeFor[attempt](),
			[]string{"no", "target", "leg", "media", "answered", "held", "silenced", "alarm"}, // alarm: of the Image
			[]string{"call"},
		},
		{reflect.TypeFor[media](), []string{"offer", "lines", "bypass", "talkers", "draft"}, nil},
		{reflect.TypeFor[side](), []string{"offer", "answer", "tag", "streams", "bypass"}, nil},
		{reflect.TypeFor[line](), []string{"kind", "session", "caller", "called"}, nil},
		{reflect.TypeFor[talker](), []string{"said", "origin", "digest"}, nil},
		{reflect.TypeFor[draft](), []string{"from", "offer", "told", "lines", "fresh", "heard"}, nil},
		{reflect.TypeFor[setup](), []string{"inv", "trunk"}, nil},
		{reflect.TypeFor[reply](), []string{"status", "newTag", "headers", "body"}, nil},
	} {
		known := append(slices.Clone(tt.saved), tt.left...)
		for f := range tt.of.Fields() {
			if name := f.Name; !slices.Contains(known, name) {
				t.Errorf("%v.%s: does it have to be written out? See state.go", tt.of, name)
			}
		}
		if len(known) != tt.of.NumField() {
			t.Errorf("%v has %d fields, %d are known", tt.of, tt.of.NumField(), len(known))
		}
	}
}
