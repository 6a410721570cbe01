package main

import (
	"fmt"
	"strconv"
	"strings"
)

// sippStat is what is used of SIPp's statistics file.
type sippStat struct {
	created, ok, failed, retransmitted float64
}

// parseSIPpStat reads the last line of a statistics file: semicolons between
// columns, names in the first line, and counts since the start in those that
// end in (C).
func parseSIPpStat(text string) (sippStat, error) {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) < 2 {
		return sippStat{}, fmt.Errorf("%d lines of SIPp statistics, want 2 or more", len(lines))
	}
	names, values := strings.Split(lines[0], ";"), strings.Split(lines[len(lines)-1], ";")
	columns := make(map[string]string)
	for i, name := range names {
		if i < len(values) {
			columns[name] = values[i]
		}
	}
	var s sippStat
	for _, c := range []struct {
		name string
		to   *float64
	}{
		{"TotalCallCreated", &s.created},
		{"SuccessfulCall(C)", &s.ok},
		{"FailedCall(C)", &s.failed},
		{"Retransmissions(C)", &s.retransmitted},
	} {
		v, err := strconv.ParseFloat(columns[c.name], 64)
		if err != nil {
			return sippStat{}, fmt.Errorf("SIPp statistics: %s is %q", c.name, columns[c.name])
		}
		*c.to = v
	}
	return s, nil
}
