package proc

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A Usage is what a process and its descendants hold at one moment.
type Usage struct {
	CPU         time.Duration `json:"cpu_ns"`    // user and system, since they started; a multiple of 10 ms
	RSS         int64         `json:"rss_bytes"` // sum over the processes: what they share counts for each
	PSS         int64         `json:"pss_bytes"` // what is shared is divided among those who share it
	Processes   int           `json:"processes"`
	Threads     int           `json:"threads"`
	Descriptors int           `json:"descriptors"`
}

// Read returns what pid and its descendants hold now. The error says that
// there is no such process, or that it ended meanwhile.
func Read(pid int) (Usage, error) {
	stats, err := tree(pid)
	if err != nil {
		return Usage{}, err
	}
	u := Usage{Processes: len(stats)}
	for _, s := range stats {
		u.CPU += s.cpu
		u.Threads += s.threads
		dir := filepath.Join(root, strconv.Itoa(s.pid))
		rss, err := kilobytes(filepath.Join(dir, "status"), "VmRSS")
		if err != nil {
			return Usage{}, err
		}
		pss, err := kilobytes(filepath.Join(dir, "smaps_rollup"), "Pss")
		if err != nil {
			return Usage{}, err
		}
		u.RSS += rss
		u.PSS += pss
		open, err := os.ReadDir(filepath.Join(dir, "fd"))
		if err != nil {
			return Usage{}, err
		}
		u.Descriptors += len(open)
	}
	return u, nil
}

// kilobytes returns the bytes on the line "NAME: n kB" of a file.
func kilobytes(file, name string) (int64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	n, err := parseKilobytes(string(text), name)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", file, err)
	}
	return n, nil
}

func parseKilobytes(text, name string) (int64, error) {
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		if key != name {
			continue
		}
		number, ok := strings.CutSuffix(strings.TrimSpace(value), " kB")
		if !ok {
			return 0, fmt.Errorf("%s is %q, not in kB", name, value)
		}
		n, err := strconv.ParseInt(number, 10, 64)
		return n << 10, err
	}
	return 0, fmt.Errorf("no line %s", name)
}
