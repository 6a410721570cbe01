package cdr

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// drawRecord fills every field of a record, whatever fields there are.
func drawRecord(t *rapid.T) *Record {
	var r Record
	drawInto(t, reflect.ValueOf(&r).Elem())
	return &r
}

func drawInto(t *rapid.T, v reflect.Value) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		at := time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(t, "time")).UTC()
		v.Set(reflect.ValueOf(at))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for _, field := range v.Fields() {
			drawInto(t, field)
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "set") {
			v.Set(reflect.New(v.Type().Elem()))
			drawInto(t, v.Elem())
		}
	case reflect.Slice:
		n := rapid.IntRange(0, 2).Draw(t, "items")
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			drawInto(t, v.Index(i))
		}
	case reflect.String:
		v.SetString(rapid.OneOf(rapid.String(), rapid.StringMatching(`[ -~]{0,40}`)).Draw(t, "text"))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, "int"))
	case reflect.Uint32:
		v.SetUint(uint64(rapid.Uint32().Draw(t, "uint32")))
	case reflect.Uint64:
		v.SetUint(rapid.Uint64().Draw(t, "uint64"))
	case reflect.Float64:
		v.SetFloat(rapid.Float64().Draw(t, "float"))
	default:
		t.Fatalf("a record has a field of kind %s: encode.go and this test must learn it", v.Kind())
	}
}

// TestEncoderWritesEveryField: what the encoder wrote reads back as it was, and
// is, token by token, what encoding/json writes.
func TestEncoderWritesEveryField(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		e := encoder{}
		e.record(r)
		if e.err != nil || e.changed {
			t.Fatal(e.err, e.changed)
		}
		var back Record
		if err := json.Unmarshal(e.b, &back); err != nil {
			t.Fatalf("%v\n%s", err, e.b)
		}
		if !reflect.DeepEqual(&back, r) {
			t.Fatalf("wrote %s\nread %+v\nwant %+v", e.b, back, *r)
		}
		want, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := tokens(t, e.b), tokens(t, want); !reflect.DeepEqual(got, want) {
			t.Fatalf("wrote %v\nwant  %v", got, want)
		}
	})
}

// tokens returns all there is in a JSON document, in order.
func tokens(t *rapid.T, doc []byte) []json.Token {
	dec, all := json.NewDecoder(bytes.NewReader(doc)), []json.Token{}
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, tok)
	}
}

func TestEncoderRefusesYearsOfFiveDigits(t *testing.T) {
	r := endedRecord(1)
	r.StartedAt = time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC)
	if _, _, err := encodeRecord(Ended, r, epoch); err == nil {
		t.Fatal("encoded")
	}
}

func TestEncoderReplacesWhatIsNoText(t *testing.T) {
	r := endedRecord(1)
	r.Received.From = "\xff<sip:a@b>\x00"
	b, exact, err := encodeRecord(Ended, r, epoch)
	if err != nil || exact {
		t.Fatal(err, exact)
	}
	back, err := decodeRecord(b[frameHeader:])
	if err != nil || back.Received.From != "\ufffd<sip:a@b>\x00" {
		t.Fatalf("%q, %v", back.Received.From, err)
	}
}

// TestEncoderTimes: of any time, in any order, what [time.Time.MarshalJSON]
// writes.
func TestEncoderTimes(t *testing.T) {
	e := &encoder{}
	zones := []*time.Location{time.UTC, time.UTC, time.UTC, time.Local, time.FixedZone("", 5400), time.FixedZone("", 0)}
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.OneOf(
			rapid.Int64Range(1_700_000_000, 1_700_200_000), rapid.Int64Range(-200_000, 200_000), rapid.Int64Range(-6e10, 25e10),
		).Draw(t, "seconds"), 0)
		at = at.Add(rapid.OneOf(
			rapid.Just(time.Duration(0)), rapid.Map(rapid.IntRange(0, 999_999), func(n int) time.Duration { return time.Duration(n) * time.Microsecond }),
			rapid.Map(rapid.IntRange(0, 999_999_999), func(n int) time.Duration { return time.Duration(n) }),
		).Draw(t, "fraction")).In(rapid.SampledFrom(zones).Draw(t, "zone"))
		e.b = e.b[:0]
		e.time("", &at)
		want, err := at.MarshalJSON()
		if err != nil || e.err != nil || string(e.b) != string(want) {
			t.Fatalf("%v: wrote %s, want %s (%v, %v)", at, e.b, want, e.err, err)
		}
	})
}

// TestEncoderText: any string reads back as encoding/json has it.
func TestEncoderText(t *testing.T) {
	part := rapid.OneOf(
		rapid.SampledFrom([]string{`"`, `\`, "\n", "\x00", "\x1f", "\x7f", " ", "<", "é", "\u2028", "\xff", "\x80"}), rapid.StringMatching(`[ -~]{0,20}`), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOfN(part, 0, 5).Draw(t, "parts"), "")
		var e encoder
		e.text("", s)
		doc, err := json.Marshal(s)
		if err != nil || e.err != nil {
			t.Fatal(err, e.err)
		}
		var got, want string
		if err := errors.Join(json.Unmarshal(e.b, &got), json.Unmarshal(doc, &want)); err != nil || got != want {
			t.Fatalf("%q: wrote %s, which is %q: %v", s, e.b, got, err)
		}
		if e.changed != (want != s) {
			t.Fatalf("%q: changed is %v", s, e.changed)
		}
	})
}

// TestEncoderAllocates: the frame, once, and no more room than it needs.
func TestEncoderAllocates(t *testing.T) {
	r := mediaRecord(1)
	e := encoder{}
	n := testing.AllocsPerRun(100, func() {
		frame, _, err := e.frame(Ended, r, epoch)
		if err != nil || cap(frame) > len(frame)+len(frame)/7 {
			t.Fatal(err, len(frame), cap(frame))
		}
	})
	if n > 1 {
		t.Errorf("%v allocations", n)
	}
}
