package proc

import (
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	const rest = " S 41 42 42 0 -1 4194304 100 0 0 0 150 27 30 1 20 0 9 0 8000 1000 200"
	tests := []struct {
		line string
		want stat
		bad  bool
	}{
		{"42 (b2bua)" + rest, stat{pid: 42, parent: 41, cpu: 1770 * time.Millisecond, reaped: 310 * time.Millisecond, threads: 9}, false},
		{"42 (a) S 1 (b c)" + rest, stat{pid: 42, parent: 41, cpu: 1770 * time.Millisecond, reaped: 310 * time.Millisecond, threads: 9}, false},
		{"42 b2bua S 41", stat{}, true},
		{"42 (b2bua) S 41 42", stat{}, true},
		{"x (b2bua)" + rest, stat{}, true},
	}
	for _, tt := range tests {
		got, err := parseStat(tt.line)
		if (err != nil) != tt.bad {
			t.Errorf("%q: error %v", tt.line, err)
		}
		if !tt.bad && got != tt.want {
			t.Errorf("%q: %+v, want %+v", tt.line, got, tt.want)
		}
	}
}

func TestParseKilobytes(t *testing.T) {
	t.Parallel()
	const text = "Name:\tx\nVmRSS:\t    1234 kB\nThreads:\t7\n"
	if n, err := parseKilobytes(text, "VmRSS"); n != 1234<<10 || err != nil {
		t.Errorf("VmRSS is %d, %v", n, err)
	}
	for _, name := range []string{"Pss", "Threads"} {
		if n, err := parseKilobytes(text, name); err == nil {
			t.Errorf("%s is %d, want an error", name, n)
		}
	}
}

const udpTable = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  100: 0100007F:13C4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 777 2 0000000000000000 5
  101: 0100007F:13C5 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 778 2 0000000000000000 11
  102: 0100007F:13C6 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 779 2 0000000000000000 100
`

func TestParseDrops(t *testing.T) {
	t.Parallel()
	if n, err := parseDrops(udpTable, map[string]bool{"777": true, "778": true, "1": true}); n != 16 || err != nil {
		t.Errorf("%d drops, %v; want 16", n, err)
	}
	if n, err := parseDrops("header\n 1: short\n", nil); err == nil {
		t.Errorf("a short line gave %d", n)
	}
	if n, err := parseDrops(strings.ReplaceAll(udpTable, " 11\n", " many\n"), map[string]bool{"778": true}); err == nil {
		t.Errorf("a word gave %d", n)
	}
}

func TestParseSNMP(t *testing.T) {
	t.Parallel()
	const text = "Tcp: InErrs\nTcp: 3\nUdp: InDatagrams RcvbufErrors\nUdp: 10 4\n"
	if n, err := parseSNMP(text, "Udp", "RcvbufErrors"); n != 4 || err != nil {
		t.Errorf("%d, %v; want 4", n, err)
	}
	if n, err := parseSNMP(text, "Tcp", "RcvbufErrors"); err == nil {
		t.Errorf("a counter that is not there is %d", n)
	}
}

// A child that computes is found and its time is counted.
func TestTreeOfThisProcess(t *testing.T) {
	t.Parallel()
	child := exec.Command("cat")
	pipe, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pipe.Close(); _ = child.Wait() })
	pids, err := Tree(os.Getpid())
	if err != nil || len(pids) < 2 || pids[0] != os.Getpid() {
		t.Errorf("the tree is %v, %v", pids, err)
	}
	if !strings.Contains(strings.Join(words(pids), " "), strconv.Itoa(child.Process.Pid)) {
		t.Errorf("the child %d is not in %v", child.Process.Pid, pids)
	}
	u, err := Read(child.Process.Pid)
	if err != nil || u.RSS <= 0 || u.PSS <= 0 || u.PSS > u.RSS || u.Processes != 1 || u.Threads != 1 || u.Descriptors < 3 {
		t.Errorf("the child uses %+v, %v", u, err)
	}
	own, err := CPU(os.Getpid())
	if err != nil {
		t.Error(err)
	}
	if all, err := Machine(); err != nil || all < own {
		t.Errorf("the machine has used %s, %v, and this process alone %s", all, err, own)
	}
}

func words(pids []int) []string {
	out := make([]string, len(pids))
	for i, p := range pids {
		out[i] = strconv.Itoa(p)
	}
	return out
}

// A process that is not there is an error, not a zero.
func TestNoSuchProcess(t *testing.T) {
	t.Parallel()
	const none = 1<<22 + 1 // above the kernel's largest
	if _, err := CPU(none); err == nil {
		t.Error("CPU of no process")
	}
	if _, err := Read(none); err == nil {
		t.Error("usage of no process")
	}
	if _, err := UDPDrops(none); err == nil {
		t.Error("drops of no process")
	}
}

// A socket that nobody reads drops, and both counters see it.
func TestDropsAreSeen(t *testing.T) {
	t.Parallel()
	in, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := in.SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	before, err := UDPOverflows(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	out, err := net.DialUDP("udp4", nil, in.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	for range 100 {
		if _, err := out.Write(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	dropped, err := UDPDrops(os.Getpid())
	if err != nil || dropped < 50 {
		t.Errorf("%d drops, %v; want most of 100", dropped, err)
	}
	if after, err := UDPOverflows(os.Getpid()); err != nil || after-before < dropped {
		t.Errorf("overflows went from %d to %d, %v; %d were dropped at one socket", before, after, err, dropped)
	}
}
