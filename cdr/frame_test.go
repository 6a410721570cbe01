package cdr

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

// frames returns n frames in one slice and where each begins, the end last.
func frames(t testing.TB, n int) (b []byte, begins []int) {
	t.Helper()
	for i := range n {
		f, _, err := encodeRecord(Started, startedRecord(i), epoch)
		if err != nil {
			t.Fatal(err)
		}
		begins = append(begins, len(b))
		b = append(b, f...)
	}
	return b, append(begins, len(b))
}

// scanOffsets returns where scanFrames finds frames.
func scanOffsets(b []byte) (offsets []int, damage []Damage) {
	damage = scanFrames(b, func(at int64, _ []byte) { offsets = append(offsets, int(at)) })
	return offsets, damage
}

// Cut at every offset, what was written before is read and the torn rest is
// named exactly.
func TestScanFramesCutAnywhere(t *testing.T) {
	t.Parallel()
	whole, begins := frames(t, 4)
	for cut := range len(whole) + 1 {
		sound := 0
		for sound < 4 && begins[sound+1] <= cut {
			sound++
		}
		offsets, damage := scanOffsets(whole[:cut])
		if !slices.Equal(offsets, begins[:sound]) {
			t.Fatalf("cut at %d: frames at %v, want %v", cut, offsets, begins[:sound])
		}
		if cut == begins[sound] {
			if len(damage) != 0 {
				t.Fatalf("cut at %d, between frames: damage %v", cut, damage)
			}
			continue
		}
		want := Damage{Offset: int64(begins[sound]), Size: int64(cut - begins[sound]), Tail: true}
		if len(damage) != 1 || damage[0] != want {
			t.Fatalf("cut at %d: damage %v, want %v", cut, damage, want)
		}
	}
}

// With any one bit flipped, exactly the frame it is in is lost and named.
func TestScanFramesBitFlips(t *testing.T) {
	t.Parallel()
	whole, begins := frames(t, 4)
	for at := range whole {
		hit := 0
		for begins[hit+1] <= at {
			hit++
		}
		flipped := bytes.Clone(whole)
		flipped[at] ^= 1 << (at % 8)
		offsets, damage := scanOffsets(flipped)
		want := slices.Delete(slices.Clone(begins[:4]), hit, hit+1)
		if !slices.Equal(offsets, want) {
			t.Fatalf("bit of octet %d: frames at %v, want %v", at, offsets, want)
		}
		named := Damage{Offset: int64(begins[hit]), Size: int64(begins[hit+1] - begins[hit]), Tail: hit == 3}
		if len(damage) != 1 || damage[0] != named {
			t.Fatalf("bit of octet %d: damage %v, want %v", at, damage, named)
		}
	}
}

// A file system that loses power may leave a tail of zeros or of old blocks.
func TestScanFramesForeignTail(t *testing.T) {
	t.Parallel()
	whole, begins := frames(t, 2)
	for name, tail := range map[string][]byte{
		"zeros": make([]byte, 4096), "ones": bytes.Repeat([]byte{0xff}, 100), "one octet": {0}, "text": []byte("hello, world"),
	} {
		offsets, damage := scanOffsets(append(bytes.Clone(whole), tail...))
		if !slices.Equal(offsets, begins[:2]) {
			t.Errorf("%s: frames at %v, want %v", name, offsets, begins[:2])
		}
		if len(damage) != 1 || !damage[0].Tail || damage[0].Size != int64(len(tail)) {
			t.Errorf("%s: damage %v", name, damage)
		}
	}
}

func TestEncodeRecordRefuses(t *testing.T) {
	t.Parallel()
	nameless := startedRecord(1)
	nameless.CallID = ""
	huge := startedRecord(1)
	huge.Received.From = strings.Repeat("x", maxPayload)
	tests := []struct {
		name string
		mark Mark
		r    *Record
		want string
	}{
		{"zero mark", 0, startedRecord(1), "unknown mark(0)"},
		{"no call id", Started, nameless, "without call_id"},
		{"ended without end", Ended, startedRecord(1), "mark ended does not fit"},
		{"answered with end", Answered, endedRecord(1), "mark answered does not fit"},
		{"too large", Started, huge, ErrTooLarge.Error()},
	}
	for _, tt := range tests {
		if _, _, err := encodeRecord(tt.mark, tt.r, epoch); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, _, err := encodeRecord(Started, huge, epoch); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v is not ErrTooLarge", err)
	}
}

// No statistic is worth a lost record.
func TestEncodeRecordWithoutNaN(t *testing.T) {
	t.Parallel()
	r := endedRecord(1)
	r.Media = &Media{Mode: "relay", Streams: []Stream{{JitterMS: math.NaN()}, {JitterMS: 2.5}, {JitterMS: math.Inf(1)}}}
	f, _, err := encodeRecord(Ended, r, epoch)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeRecord(f[frameHeader:])
	if err != nil {
		t.Fatal(err)
	}
	if s := got.Media.Streams; s[0].JitterMS != 0 || s[1].JitterMS != 2.5 || s[2].JitterMS != 0 {
		t.Errorf("jitter %v", s)
	}
	if !math.IsNaN(r.Media.Streams[0].JitterMS) {
		t.Error("the caller's record was changed")
	}
}

// Damage that is full of plausible lengths costs no more than other damage.
func TestScanFramesIsLinear(t *testing.T) {
	t.Parallel()
	b := bytes.Repeat([]byte{0x00, 0x00, 0x04, 0x00}, 4<<20) // a length of 256 KiB at every fourth octet
	tail, _ := frames(t, 1)
	offsets, damage := scanOffsets(append(b, tail...))
	if !slices.Equal(offsets, []int{len(b)}) || len(damage) != 1 {
		t.Errorf("frames at %v, damage %v", offsets, damage)
	}
}

// Any octets can be a segment: frames and damage cover them without gap or
// overlap, every frame is sound on its own, and a cut tail stays cut.
func FuzzReplay(f *testing.F) {
	whole, begins := frames(f, 3)
	f.Add(whole)
	f.Add(whole[:begins[2]+5])
	f.Add(append(make([]byte, 9), whole...))
	flipped := bytes.Clone(whole)
	flipped[begins[1]+2] ^= 0x10
	f.Add(flipped)
	ended, _, _ := encodeRecord(Ended, endedRecord(7), epoch)
	head, _ := encodeEntry(entry{Mark: markSegment, At: 1, Run: "r"})
	f.Add(append(head, ended...))
	f.Fuzz(func(t *testing.T, b []byte) {
		seg := &segment{path: "cdr-0000000001.seg"}
		rp := newReplay()
		end := rp.scan(seg, b)
		covered := make([]int, len(b))
		for _, d := range rp.damage {
			for i := range d.Size {
				covered[d.Offset+i]++
			}
		}
		scanFrames(b, func(at int64, payload []byte) {
			for i := range frameHeader + len(payload) {
				covered[int(at)+i]++
			}
			again, err := sealFrame(append(make([]byte, frameHeader), payload...))
			if err != nil || !bytes.Equal(again, b[at:int(at)+len(again)]) {
				t.Errorf("frame at %d is not what would be written", at)
			}
		})
		for i, n := range covered {
			if n != 1 {
				t.Fatalf("octet %d is covered %d times", i, n)
			}
		}
		again := newReplay()
		if at := again.scan(seg, b[:end]); at != end || again.entries != rp.entries {
			t.Errorf("after the cut at %d: end %d, %d entries of %d", end, at, again.entries, rp.entries)
		}
	})
}
