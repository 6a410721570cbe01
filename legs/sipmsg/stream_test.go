package sipmsg_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"b2bua/legs/sipmsg"
)

// cut feeds a stream to a framer, step bytes at a time, and says what it found.
func cut(stream string, limit, step int) (found []string, err error) {
	f := sipmsg.Framer{Max: limit}
	var buf []byte
	for stream != "" {
		n := min(step, len(stream))
		buf, stream = append(buf, stream[:n]...), stream[n:]
		for {
			piece, n, err := f.Next(buf)
			if err != nil {
				return append(found, fmt.Sprintf("broken after %d", n)), err
			}
			if piece == sipmsg.PieceNone {
				break
			}
			found = append(found, [...]string{"", "message ", "ping ", "blank "}[piece]+string(buf[:n]))
			buf = buf[n:]
		}
	}
	if len(buf) > 0 {
		found = append(found, "rest "+string(buf))
	}
	return found, nil
}

func streamed(headers ...string) string {
	return "OPTIONS sip:a SIP/2.0\r\n" + strings.Join(append(headers, "\r\n"), "\r\n")
}

func TestFramer(t *testing.T) {
	t.Parallel()
	short, body := streamed("l:0"), streamed("Via: x", "cONTENT-lENGTH \t: 4", "X: y")+"\r\n\r\n"
	tests := []struct {
		name   string
		stream string
		want   []string
	}{
		{"one", short, []string{"message " + short}},
		{"a body of line ends", body, []string{"message " + body}},
		{"several at once", short + body + short, []string{"message " + short, "message " + body, "message " + short}},
		{"folded", streamed("Content-Length:", " 2") + "ab", []string{"message " + streamed("Content-Length:", " 2") + "ab"}},
		{"said twice alike", streamed("l: 1", "Content-Length: 1") + "a", []string{"message " + streamed("l: 1", "Content-Length: 1") + "a"}},
		{"a name that begins alike", streamed("Content-Lengthy: 9", "Lx: 9", "l: 0"), []string{"message " + streamed("Content-Lengthy: 9", "Lx: 9", "l: 0")}},
		{"unfinished body", streamed("l: 3") + "ab", []string{"rest " + streamed("l: 3") + "ab"}},
		{"unfinished header", "OPTIONS", []string{"rest OPTIONS"}},
		{"half a line end", "\r", []string{"rest \r"}},
	}
	for _, tt := range tests {
		for _, step := range []int{1, 2, 3, 7, len(tt.stream)} {
			got, err := cut(tt.stream, 0, step)
			if err != nil || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", tt.want) {
				t.Errorf("%s, %d at a time: %v\n got %q\nwant %q", tt.name, step, err, got, tt.want)
			}
		}
	}
}

// RFC 5626 §3.5.1, and RFC 3261 §7.5 for what stands before a message.
func TestFramerKeepAlives(t *testing.T) {
	t.Parallel()
	m := streamed("l: 0")
	tests := []struct {
		stream string
		step   int
		want   []string
	}{
		{"\r\n\r\n", 4, []string{"ping \r\n\r\n"}},
		{"\r\n\r\n", 3, []string{"ping \r\n\r\n"}},
		{"\r\n\r\n", 2, []string{"blank \r\n", "ping \r\n"}},
		{"\r\n\r\n", 1, []string{"blank \r\n", "ping \r\n"}},
		{"\r\n", 2, []string{"blank \r\n"}},
		{"\r\n\r\n\r\n", 6, []string{"ping \r\n\r\n", "blank \r\n"}},
		{"\r\n" + m, 100, []string{"blank \r\n", "message " + m}},
		{"\r\n" + m + "\r\n\r\n", 1000, []string{"blank \r\n", "message " + m, "ping \r\n\r\n"}},
		{"\r\n" + m + "\r\n", 2, []string{"blank \r\n", "message " + m, "blank \r\n"}},
	}
	for _, tt := range tests {
		got, err := cut(tt.stream, 0, tt.step)
		if err != nil || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", tt.want) {
			t.Errorf("%q, %d at a time: %v\n got %q\nwant %q", tt.stream, tt.step, err, got, tt.want)
		}
	}
}

// What cannot be framed ends the stream, with the header for the answer when
// there is one.
func TestFramerRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		stream string
		status int
		reason string
		head   bool
	}{
		{"no length", streamed("Via: x"), 400, "No Content-Length", true},
		{"a negative one", streamed("l: -1"), 400, "Malformed Content-Length", true},
		{"a list", streamed("l: 1, 1"), 400, "Malformed Content-Length", true},
		{"two that differ", streamed("l: 1", "Content-Length: 2"), 400, "Contradicting Content-Length", true},
		{"2^32", streamed("l: 4294967296"), 400, "Malformed Content-Length", true},
		{"a vertical tab before the colon", streamed("Content-Length\v: 0"), 400, "Malformed Header Line", true},
		{"two, and one with a line feed", streamed("l: 0", "l\n: 50"), 400, "Malformed Header Line", true},
		{"too much", streamed("l: 200"), 513, "Message Too Large", true},
		{"2 GiB", streamed("l: 2147483647"), 513, "Message Too Large", true},
		{"no end of header", "OPTIONS sip:a SIP/2.0\r\n" + strings.Repeat("X: 1\r\n", 60), 513, "Message Too Large", false},
		{"one endless line", strings.Repeat("x", 300), 513, "Message Too Large", false},
	}
	for _, tt := range tests {
		got, err := cut(tt.stream, 100, 1)
		var e *sipmsg.Error
		if !errors.As(err, &e) || e.Status != tt.status || e.Reason != tt.reason {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		want := "broken after 0"
		if tt.head {
			want = fmt.Sprintf("broken after %d", len(tt.stream))
		}
		if fmt.Sprint(got) != "["+want+"]" {
			t.Errorf("%s: %q, want %q", tt.name, got, want)
		}
	}
}

// FuzzFramer: the pieces are the stream, in order, however it was cut up on the
// way; the parser, given a piece, sees the same length.
func FuzzFramer(f *testing.F) {
	f.Add([]byte(streamed("l: 2")+"ab"+streamed("l: 0")), uint8(3))
	f.Add([]byte("\r\n\r\n\r\n"+streamed("Content-Length:", "\t1")+"x"), uint8(2))
	f.Add([]byte(streamed("l: 1", "L : 1", "\v l: 7")+"xyz"), uint8(1))
	f.Add([]byte(streamed("l: 1", "l\v: 7")+"xyz"), uint8(9))
	f.Add(carrierINVITE, uint8(200))
	f.Fuzz(func(t *testing.T, stream []byte, step uint8) {
		const limit = 4096
		whole, wholeErr := cut(string(stream), limit, len(stream))
		parts, partsErr := cut(string(stream), limit, max(1, int(step)))
		if (wholeErr == nil) != (partsErr == nil) {
			t.Fatalf("at once %v, in parts %v", wholeErr, partsErr)
		}
		if messages(whole) != messages(parts) {
			t.Fatalf("at once\n%q\nin parts\n%q", whole, parts)
		}
		total := 0
		for _, piece := range parts {
			kind, data, _ := strings.Cut(piece, " ")
			if kind == "broken" {
				return
			}
			total += len(data)
			if kind != "message" {
				continue
			}
			if len(data) > limit {
				t.Fatalf("a message of %d bytes", len(data))
			}
			if m, err := sipmsg.Parse([]byte(data)); err == nil && !strings.HasSuffix(data, "\r\n\r\n"+string(m.Body)) {
				t.Fatalf("the parser has a body of %d bytes\n%q", len(m.Body), data)
			}
		}
		if total != len(stream) {
			t.Fatalf("%d bytes of %d", total, len(stream))
		}
	})
}

// messages is what does not depend on how a stream was cut up: keep-alives do.
func messages(found []string) string {
	var b strings.Builder
	for _, piece := range found {
		if strings.HasPrefix(piece, "message ") {
			b.WriteString(piece)
		}
	}
	return b.String()
}

func BenchmarkFramer(b *testing.B) {
	stream := carrierINVITE
	var f sipmsg.Framer
	b.ReportAllocs()
	for b.Loop() {
		if piece, n, err := f.Next(stream); piece != sipmsg.PieceMessage || n != len(stream) || err != nil {
			b.Fatal(piece, n, err)
		}
	}
}
