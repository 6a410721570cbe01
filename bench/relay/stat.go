package main

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// parseIdle reads the idle time of one processor, input and output waited for
// included, from the text of /proc/stat (proc_stat(5)).
func parseIdle(text string, cpu int) (time.Duration, error) {
	name := "cpu" + strconv.Itoa(cpu)
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != name {
			continue
		}
		if len(fields) < 6 {
			return 0, fmt.Errorf("/proc/stat: %s has %d columns, want 6 or more", name, len(fields))
		}
		idle, err := strconv.ParseInt(fields[4], 10, 64)
		wait, err2 := strconv.ParseInt(fields[5], 10, 64)
		return time.Duration(idle+wait) * 10 * time.Millisecond, errors.Join(err, err2)
	}
	return 0, fmt.Errorf("/proc/stat has no %s", name)
}

// parseModel is the processors' name in the text of /proc/cpuinfo; not every
// architecture has one.
func parseModel(text string) string {
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
