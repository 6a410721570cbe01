package cdr

import (
	"os"
	"runtime"
	"testing"
	"time"
)

// mediaRecord is endedRecord with what a call of two legs really carries.
func mediaRecord(n int) *Record {
	r := endedRecord(n)
	r.Received = Received{
		Source: "192.0.2.1:5060", Listener: "udp://192.0.2.9:5060", Transport: "udp", SIPCallID: "843f2a7b1c3d@192.0.2.1",
		RequestURI: "sip:33123456789@192.0.2.9", Caller: "1000", Called: "33123456789",
		From: `"Alice" <sip:1000@192.0.2.1>;tag=1928301774`, To: "<sip:33123456789@192.0.2.9>", UserAgent: "phone/1.0",
	}
	stream := Stream{Kind: "audio", From: "caller", Local: "192.0.2.9:10000", Remote: "192.0.2.1:4000", Packets: 500, Octets: 86_000, JitterMS: 1.25}
	r.Media = &Media{Mode: "relay", Streams: []Stream{stream, stream}}
	return r
}

// BenchmarkEncode is what one Append costs its caller.
func BenchmarkEncode(b *testing.B) {
	r := mediaRecord(1)
	var c coders
	b.ReportAllocs()
	for b.Loop() {
		f, _, err := c.frame(Ended, r, epoch)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(f)))
	}
}

// BenchmarkJournal is a whole call, answer and end, through a real disk with
// 1024 callers who wait for done.
func BenchmarkJournal(b *testing.B) {
	j := openJournal(b, JournalConfig{Dir: b.TempDir()})
	answered, ended := mediaRecord(1), mediaRecord(1)
	answered.EndedAt = nil
	b.SetParallelism(1024 / runtime.GOMAXPROCS(0))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		done := make(chan error, 1)
		for pb.Next() {
			for mark, r := range map[Mark]*Record{Answered: answered, Ended: ended} {
				for !j.Append(mark, r, func(err error) { done <- err }) {
					b.Error("refused")
				}
				if err := <-done; err != nil {
					b.Error(err)
				}
			}
		}
	})
}

// BenchmarkReplay is a start after a crash with 10,000 ended and 1,000 live
// calls in the journal.
func BenchmarkReplay(b *testing.B) {
	dir := b.TempDir()
	j := openJournal(b, JournalConfig{Dir: dir})
	for i := range 10_000 {
		j.Append(Ended, mediaRecord(i), nil)
	}
	for i := range 1_000 {
		j.Append(Answered, answeredRecord(10_000+i), nil)
	}
	onDisk(b, j)
	for b.Loop() {
		b.StopTimer()
		to := copyDir(b, dir)
		b.StartTimer()
		begin := time.Now()
		j, err := Open(JournalConfig{Dir: to})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if got := j.Recovered(); got.Orphans != 1000 {
			b.Fatalf("%+v after %v", got, time.Since(begin))
		}
		if err := j.Close(); err != nil {
			b.Fatal(err)
		}
		if err := os.RemoveAll(to); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
