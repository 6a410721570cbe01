package rtprelay

import (
	"bufio"
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkLoad has a running relay carry calls whose phones are another
// process (phones_linux_test.go), each stream at 50 packets of 172 bytes per
// second, and reports what the relay's process spends on a packet: everything
// its threads burn, the runtime's included. Pin it, so that phones and relay do
// not share a processor:
//
//	go test -c ./rtprelay && taskset -c 1 ./rtprelay.test -test.run '^$' -test.bench Load -test.benchtime 5x
//
// One iteration is one second of talk.
func BenchmarkLoad(b *testing.B) {
	for _, calls := range []int{10, 100, 400, 800} {
		b.Run(strconv.Itoa(calls), func(b *testing.B) { load(b, calls) })
	}
}

// load is BenchmarkLoad of one size.
func load(b *testing.B, calls int) {
	host := newHost()
	relay, err := New(Config{Networks: map[string]Network{"default": {[]netip.Addr{host}, 20000, 20000 + 4*calls - 1}}, Workers: 1, BatchDelay: batchDelay(b)})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := relay.Close(); err != nil {
			b.Error(err)
		}
	}()
	var lines bytes.Buffer
	hosts := [2]netip.Addr{newHost(), newHost()}
	for call := range calls {
		s, err := relay.Session(0, SessionConfig{Timeout: time.Minute})
		if err != nil {
			b.Fatal(err)
		}
		var ends [2]*Stream
		for side, h := range hosts {
			if ends[side], err = s.Open("default", false); err != nil {
				b.Fatal(err)
			}
			phone := netip.AddrPortFrom(h, uint16(20000+2*call))
			ends[side].SetRemote(Remote{RTP: phone, RTCP: netip.AddrPortFrom(h, phone.Port()+1), Send: true, Recv: true})
			fmt.Fprintln(&lines, phone, ends[side].LocalRTP())
		}
		s.Join(ends[0], ends[1])
	}
	child := exec.CommandContext(b.Context(), os.Args[0])
	child.Env = append(os.Environ(), fmt.Sprintf("%s=%d", phonesEnv, b.N))
	child.Stdin, child.Stderr = &lines, os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	report := bufio.NewScanner(out)
	if !report.Scan() { // the phones have talked for a moment
		b.Fatal("the phones did not start")
	}
	cpu, switches := spent(b)
	b.ResetTimer()
	report.Scan()
	cpu2, switches2 := spent(b)
	b.StopTimer()
	var r phonesReport
	if _, err := fmt.Sscan(report.Text(), &r.sent, &r.received, &r.p50, &r.p99); err != nil {
		b.Fatal(err)
	}
	if err := child.Wait(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(cpu2-cpu)/float64(r.sent), "cpu-ns/packet")
	b.ReportMetric(float64(switches2-switches)/float64(r.sent), "switches/packet")
	b.ReportMetric(float64(r.sent-r.received)/float64(r.sent)*100, "lost-%")
	b.ReportMetric(float64(r.p50)/1e3, "p50-us")
	b.ReportMetric(float64(r.p99)/1e3, "p99-us")
	b.ReportMetric(0, "ns/op")
}

// batchDelay is the one to measure with: RTPRELAY_BATCH_DELAY, or the default.
func batchDelay(tb testing.TB) time.Duration {
	text := os.Getenv("RTPRELAY_BATCH_DELAY")
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// spent is the processor time and the voluntary context switches of all
// threads of the process until now.
func spent(tb testing.TB) (cpu time.Duration, switches int) {
	tasks, err := filepath.Glob("/proc/self/task/*")
	if err != nil {
		tb.Fatal(err)
	}
	for _, task := range tasks {
		stat, err := os.ReadFile(task + "/schedstat")
		if err != nil {
			continue // the thread has ended
		}
		ns, err := strconv.ParseInt(strings.Fields(string(stat))[0], 10, 64)
		if err != nil {
			tb.Fatal(err)
		}
		cpu += time.Duration(ns)
		status, err := os.ReadFile(task + "/status")
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(status), "\nvoluntary_ctxt_switches:")
		n, err := strconv.Atoi(strings.Fields(rest)[0])
		if err != nil {
			tb.Fatal(err)
		}
		switches += n
	}
	return cpu, switches
}
