package main

import (
	"strings"
	"testing"
)

func TestOptions(t *testing.T) {
	t.Parallel()
	o, err := parseOptions(nil)
	if err != nil || !o.wants(partCPU) || !o.wants(partLatency) || !o.wants(partCapacity) || o.rounds != 3 || o.receiveCPU != o.relayCPU {
		t.Errorf("the default: %+v, %v", o, err)
	}
	o, err = parseOptions([]string{"-only", "latency", "-quick", "-receive-cpu", "1", "-workers", "2"})
	if err != nil || o.wants(partCPU, partCapacity) || !o.wants(partCPU, partLatency) || o.rounds != 1 || o.receiveCPU != 1 || o.workers != 2 {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestOptionsRefused(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"-only":          {"-only", "cpu,all"},
		"-workers":       {"-workers", "0"},
		"-relay-cpu":     {"-relay-cpu", "1"}, // the generator's
		"-generator-cpu": {"-generator-cpu", "-1"},
		"-receive-cpu":   {"-receive-cpu", "32"},
		"surplus":        {"surplus"},
	} {
		if _, err := parseOptions(args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error that names %s", args, err, want)
		}
	}
}
