package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// processUsed is the time that a process has run on a processor, softirqs that
// interrupted it included: the sum of its threads' sum_exec_runtime. Unlike
// utime and stime it is exact to the nanosecond and not a multiple of 10 ms.
func processUsed(pid int) (time.Duration, error) {
	paths, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/schedstat")
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue // the thread has ended
		}
		if err != nil {
			return 0, err
		}
		ran, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(ran, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", path, err)
		}
		sum += time.Duration(ns)
	}
	if sum == 0 {
		return 0, fmt.Errorf("process %d was not found", pid)
	}
	return sum, nil
}

// processorIdle is how long a processor has had nothing to do, in units of 10
// ms. The kernel adds it up from when it falls idle and when it is woken, softirqs
// included, so that the rest is exact though no tick has seen it.
func processorIdle(cpu int) (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	return parseIdle(string(text), cpu)
}
