package proc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of the times in /proc/PID/stat: USER_HZ is 100 on every
// architecture that Go runs on.
const tick = 10 * time.Millisecond

// root is where the kernel shows processes.
const root = "/proc"

// A stat is what is used of /proc/PID/stat.
type stat struct {
	pid, parent int
	cpu         time.Duration // user and system
	reaped      time.Duration // the same of children that have ended
	threads     int
}

// parseStat reads one line of proc_pid_stat(5). The name stands in parentheses
// and may itself contain them and spaces.
func parseStat(line string) (stat, error) {
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return stat{}, fmt.Errorf("no process name in %q", line)
	}
	fields := strings.Fields(line[end+1:]) // from field 3, the state
	if len(fields) < 18 {
		return stat{}, fmt.Errorf("%d fields after the name, want 18 or more", len(fields))
	}
	var err error
	number := func(s string) int64 {
		n, e := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
		err = errors.Join(err, e)
		return n
	}
	s := stat{
		pid:     int(number(line[:open])),
		parent:  int(number(fields[1])),
		cpu:     time.Duration(number(fields[11])+number(fields[12])) * tick,
		reaped:  time.Duration(number(fields[13])+number(fields[14])) * tick,
		threads: int(number(fields[17])),
	}
	return s, err
}

func readStat(pid int) (stat, error) {
	text, err := os.ReadFile(filepath.Join(root, strconv.Itoa(pid), "stat"))
	if err != nil {
		return stat{}, err
	}
	return parseStat(string(text))
}

// Tree returns the process pid and all its descendants, pid first. The error
// says that there is no such process.
func Tree(pid int) ([]int, error) {
	stats, err := tree(pid)
	pids := make([]int, len(stats))
	for i, s := range stats {
		pids[i] = s.pid
	}
	return pids, err
}

func tree(pid int) ([]stat, error) {
	first, err := readStat(pid)
	if err != nil {
		return nil, fmt.Errorf("process %d: %w", pid, err)
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	children := make(map[int][]stat)
	for _, e := range entries {
		n, err := strconv.Atoi(e.Name())
		if err != nil {
			continue // not a process
		}
		if s, err := readStat(n); err == nil { // else it has just ended
			children[s.parent] = append(children[s.parent], s)
		}
	}
	found := []stat{first}
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i].pid]...)
	}
	slices.SortStableFunc(found[1:], func(a, b stat) int { return a.pid - b.pid })
	return found, nil
}

// CPU returns the processor time that pid and its descendants have used so
// far. It is a multiple of 10 ms: measure over seconds.
func CPU(pid int) (time.Duration, error) {
	stats, err := tree(pid)
	var sum time.Duration
	for _, s := range stats {
		sum += s.cpu
	}
	return sum, err
}

// Machine returns the processor time that all processes have used so far, those
// that have ended included. The difference over a second says how busy the
// machine is, which /proc/stat with its tick accounting does not.
func Machine() (time.Duration, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return 0, err
	}
	sum := time.Duration(0)
	for _, e := range entries {
		n, err := strconv.Atoi(e.Name())
		if err != nil {
			continue // not a process
		}
		if s, err := readStat(n); err == nil { // else it has just ended
			sum += s.cpu + s.reaped
		}
	}
	return sum, nil
}
