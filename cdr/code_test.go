package cdr

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"slices"
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
		t.Fatalf("a record has a field of kind %s: the coder and this test must learn it", v.Kind())
	}
}

// TestCoderWritesEveryField: what the coder wrote reads back as it was.
func TestCoderWritesEveryField(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		c := coder{}
		c.record(r)
		if c.err != nil || c.changed {
			t.Fatal(c.err, c.changed)
		}
		var back Record
		read := coder{b: c.b, reading: true}
		read.record(&back)
		if read.err != nil || len(read.b) > 0 {
			t.Fatalf("%v, %d octets left", read.err, len(read.b))
		}
		if !reflect.DeepEqual(&back, r) {
			t.Fatalf("wrote %x\nread %+v\nwant %+v", c.b, back, *r)
		}
	})
}

func TestCoderRefusesYearsOfFiveDigits(t *testing.T) {
	r := endedRecord(1)
	r.StartedAt = time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC)
	if _, _, err := encodeRecord(Ended, r, epoch); err == nil {
		t.Fatal("encoded")
	}
}

// Octets that are no text are kept as they came.
func TestCoderKeepsWhatIsNoText(t *testing.T) {
	r := endedRecord(1)
	r.Received.From = "\xff<sip:a@b>\x00"
	b, exact, err := encodeRecord(Ended, r, epoch)
	if err != nil || !exact {
		t.Fatal(err, exact)
	}
	back, err := decodeRecord(b[frameHeader:])
	if err != nil || back.Received.From != r.Received.From {
		t.Fatalf("%q, %v", back.Received.From, err)
	}
}

// TestCoderTimes: any time that can be said reads back as the same moment of
// UTC, cut to microseconds, and is exact when it was that before.
func TestCoderTimes(t *testing.T) {
	zones := []*time.Location{time.UTC, time.UTC, time.FixedZone("", 5400), time.FixedZone("", 0)}
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(-62_167_219_200, 253_402_300_799).Draw(t, "seconds"), rapid.OneOf(
			rapid.Just(int64(0)), rapid.Map(rapid.Int64Range(0, 999_999), func(n int64) int64 { return 1000 * n }), rapid.Int64Range(0, 999_999_999),
		).Draw(t, "fraction")).In(rapid.SampledFrom(zones).Draw(t, "zone"))
		var c coder
		c.time(1, &at)
		var back time.Time
		read := coder{b: c.b, reading: true}
		read.time(1, &back)
		if c.err != nil || read.err != nil || !back.Equal(at.Truncate(time.Microsecond)) || back.Location() != time.UTC {
			t.Fatalf("%v reads as %v (%v, %v)", at, back, c.err, read.err)
		}
		if c.changed != (back != at) {
			t.Fatalf("%v: changed is %v", at, c.changed)
		}
	})
}

// TestCoderAllocates: the frame, once, and no more room than it needs.
func TestCoderAllocates(t *testing.T) {
	r := mediaRecord(1)
	c := coder{}
	n := testing.AllocsPerRun(100, func() {
		frame, _, err := c.frame(Ended, r, epoch)
		if err != nil || cap(frame) > len(frame)+len(frame)/7 {
			t.Fatal(err, len(frame), cap(frame))
		}
	})
	if n > 1 {
		t.Errorf("%v allocations", n)
	}
}

// What a later program adds is passed over, wherever it stands; what an earlier
// one did not know yet reads as left out.
func TestCoderPassesOverWhatItDoesNotKnow(t *testing.T) {
	news := func(c *coder) {
		c.number(29, 1<<40)
		c.someText(30, "new")
		if c.open(31, true) {
			c.number(1, -1)
			c.open(2, true)
			c.someText(1, "within")
			c.close()
			c.close()
		}
	}
	r := mediaRecord(1)
	var c coder
	c.begin(&entry{Mark: Ended, At: 7})
	c.open(tagRecord, true)
	for _, part := range []func(*coder){
		func(c *coder) { c.text(1, &r.CallID) },
		func(c *coder) { c.open(3, true); c.received(&r.Received); news(c); c.close() },
		func(c *coder) { c.time(8, &r.StartedAt); c.timeOf(11, &r.EndedAt) },
		func(c *coder) { c.open(20, true); c.media(r.Media); news(c); c.close() },
		func(c *coder) { c.open(22, true); c.attempt(&r.Attempts[0]); news(c); c.close() },
		news,
	} {
		part(&c)
	}
	c.close()
	news(&c)
	got, err := decodeRecord(c.b[frameHeader:])
	if err != nil {
		t.Fatal(err)
	}
	want := &Record{
		CallID: r.CallID, Received: r.Received, StartedAt: r.StartedAt, EndedAt: r.EndedAt, Media: r.Media,
		RelatedCalls: []RelatedCall{}, Attempts: r.Attempts,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v\nwant %+v", got, want)
	}
	older := coder{reading: true}
	var empty Record
	if older.record(&empty); older.err != nil || empty.CallID != "" || empty.Attempts == nil {
		t.Errorf("of nothing: %+v, %v", empty, older.err)
	}
}

// A journal of version 1 is read to its end: its calls are saved, its orphans
// ended.
func TestVersion1(t *testing.T) {
	t.Parallel()
	ended, lost := mediaRecord(1), answeredRecord(2)
	var file []byte
	for _, e := range []entry1{
		{Mark: "segment", At: epoch.UnixMicro(), Run: "r"},
		{Mark: "answered", At: epoch.UnixMicro(), CallID: lost.CallID, Record: lost},
		{Mark: "ended", At: epoch.UnixMicro(), CallID: ended.CallID, Record: ended},
		{Mark: "heartbeat", At: epoch.Add(time.Hour).UnixMicro(), Run: "r"},
		{Mark: "later", At: epoch.UnixMicro()},
	} {
		body, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		frame, err := sealFrame(append(make([]byte, frameHeader), body...))
		if err != nil {
			t.Fatal(err)
		}
		file = append(file, frame...)
	}
	dir := t.TempDir()
	if err := os.WriteFile(segmentPath(dir, 1), file, 0o600); err != nil {
		t.Fatal(err)
	}
	j := openJournal(t, JournalConfig{Dir: dir})
	if got := j.Recovered(); got.Entries != 5 || got.Orphans != 1 || len(got.Damage) != 0 {
		t.Errorf("%+v", got)
	}
	var sink memorySink
	flushAll(t, j, &sink)
	if got := sink.rows[ended.CallID]; !reflect.DeepEqual(&got, ended) {
		t.Errorf("saved %+v\nwant  %+v", got, ended)
	}
	if got := sink.rows[lost.CallID]; got.EndReason == nil || *got.EndReason != EndNodeFailure || !got.EndedAt.Equal(epoch.Add(time.Hour)) {
		t.Errorf("the orphan is %+v", got)
	}
}

// Any octets read as a record or as an error, and a record that was read is
// written and read again as the same.
func FuzzDecodeRecord(f *testing.F) {
	for _, r := range []*Record{endedRecord(1), mediaRecord(2)} {
		frame, _, _ := encodeRecord(Ended, r, epoch)
		f.Add(frame[frameHeader:])
	}
	f.Add(slices.Concat(entryPrefix, []byte{3, 1 << kindBits, 2, tagRecord<<kindBits | kindGroup, 1<<kindBits | kindText, 1, 'x', 0}))
	f.Add([]byte(`{"mark":"ended","at":1,"call_id":"x","record":{"call_id":"x"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := entryHead(b); err == nil && len(b) == 0 {
			t.Error("nothing is an entry")
		}
		r, err := decodeRecord(b)
		if err != nil {
			return
		}
		var c coder
		c.record(r)
		if c.err != nil {
			if !isVersion1(b) {
				t.Errorf("read, but not written: %v", c.err)
			}
			return
		}
		var back Record
		read := coder{b: bytes.Clone(c.b), reading: true}
		if read.record(&back); read.err != nil {
			t.Fatal(read.err)
		}
		var again coder
		if again.record(&back); !bytes.Equal(again.b, c.b) {
			t.Errorf("wrote %x\nthen  %x", c.b, again.b)
		}
	})
}
