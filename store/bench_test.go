package store_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"b2bua/cdr"
	"b2bua/internal/pgtest"
)

// BenchmarkSaveCDRs saves batches of answered calls with an attempt and two
// streams each, as many as the flusher has at 50, 250 and 1000 calls a second. CPU is that of this process, SQLite's own
// included, the Postgres server's not.
func BenchmarkSaveCDRs(b *testing.B) {
	for _, database := range []struct {
		name   string
		newURL func(testing.TB) string
		n      int
	}{{"sqlite/10", sqliteURL, 10}, {"sqlite/250", sqliteURL, 250}, {"sqlite/1000", sqliteURL, 1000}, {"postgres/1000", pgtest.URL, 1000}} {
		b.Run(database.name, func(b *testing.B) {
			s := open(b, database.newURL(b))
			n := database.n
			records := make([]cdr.Record, n)
			var begin time.Duration
			batch := 0
			fill := func() {
				for i := range records {
					records[i] = realistic(batch*n + i)
				}
				batch++
			}
			fill()
			save(b, s, records...) // statements are prepared, pages are there
			var spent time.Duration
			for b.Loop() {
				b.StopTimer()
				fill()
				begin = cpuTime(b)
				b.StartTimer()
				save(b, s, records...)
				spent += cpuTime(b) - begin
			}
			total := float64(n * b.N)
			b.ReportMetric(total/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(float64(spent.Microseconds())/total, "cpu-µs/record")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// cpuTime is what this process has used so far.
func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		t.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// realistic returns the nth record of a busy server: the second is that in
// which 2000 calls end.
func realistic(n int) cdr.Record {
	start := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC).Add(time.Duration(n) * 500 * time.Microsecond)
	at := func(d time.Duration) *time.Time {
		t := start.Add(d)
		return &t
	}
	reason, by, status, cause, pdd := cdr.EndCompleted, cdr.ByCaller, 200, 16, int64(12)
	in, out := "pbx", "carrier"
	called := fmt.Sprintf("33%09d", uint32(n)*2654435761%1_000_000_000)
	call := fmt.Sprintf("%08x-%04x-7abc-8def-%012x", start.UnixMilli()>>16, start.UnixMilli()&0xffff, uint64(n)*0x9e3779b97f4a7c15>>16)
	stream := cdr.Stream{
		Kind: "audio", From: "caller", Local: "192.0.2.1:20000", Remote: "198.51.100.7:30000", SSRC: uint32(n),
		Packets: 50, Octets: 8600, JitterMS: 0.25, RTCPPackets: 1,
	}
	back := stream
	back.From = "called"
	return cdr.Record{
		CallID: call, NodeID: "1", Caller: "1000", Called: called, InboundTrunk: &in, OutboundTrunk: &out,
		Received: cdr.Received{
			Source: "198.51.100.7:5060", Listener: "udp://192.0.2.1:5060", Transport: "udp", SIPCallID: fmt.Sprintf("%d-4711@198.51.100.7", n),
			RequestURI: "sip:" + called + "@192.0.2.1:5060", Caller: "1000", Called: called,
			From: `"Caller" <sip:1000@198.51.100.7:5060>;tag=4711c` + fmt.Sprint(n), To: "<sip:" + called + "@192.0.2.1:5060>",
			UserAgent: strings.Repeat("agent ", 3),
		},
		StartedAt: start, RingingAt: at(12 * time.Millisecond), AnsweredAt: at(20 * time.Millisecond), EndedAt: at(1020 * time.Millisecond),
		DurationMS: 1020, BillableMS: 1000, PDDMS: &pdd, SIPStatus: &status, Q850Cause: &cause, HungUpBy: &by, EndReason: &reason,
		PolicyRevision: 3, Media: &cdr.Media{Mode: "relay", Streams: []cdr.Stream{stream, back}},
		Attempts: []cdr.Attempt{{
			AttemptNo: 1, Reason: cdr.AttemptRoute, Trunk: out, Gateway: "sip:203.0.113.9:5060",
			Sent: cdr.Sent{
				SIPCallID: "1-" + call, RequestURI: "sip:" + called + "@203.0.113.9:5060", Destination: "203.0.113.9:5060", Caller: "1000", Called: called,
			},
			StartedAt: start.Add(time.Millisecond), RingingAt: at(11 * time.Millisecond), AnsweredAt: at(19 * time.Millisecond),
			EndedAt: at(1020 * time.Millisecond), BillableMS: 1001, SIPStatus: &status, EndReason: &reason,
		}},
	}
}
