package main

import (
	"fmt"
	"io"
	"strconv"

	"b2bua/bench/internal/statistics"
)

// print writes the tables and reports that no gate was missed.
func (r *results) print(out io.Writer, o options) bool {
	fmt.Fprintln(out, r.machine)
	if others := r.others(); others.Median > quiet {
		fmt.Fprintf(out, "Other work took %s processors meanwhile; it is in \"whole core\" and in the delays.\n", others.Show("%.2f"))
	}
	if o.wants(partCPU) {
		title(out, "Processor time, microseconds for each packet relayed")
		t := statistics.Table{
			Head: []string{"relay", "calls", "process", "whole core", "generator"},
			Rows: r.rows(processPerPacket, corePerPacket, generatorPerPacket),
		}
		t.Write(out, o.markdown)
	}
	if o.wants(partLatency) {
		title(out, "Delay, microseconds; added = minus ip_forward's of the same round")
		t := statistics.Table{Head: []string{"relay", "calls", "p50", "p99", "added p50", "added p99"}, Rows: r.delays()}
		t.Write(out, o.markdown)
	}
	if o.wants(partCapacity) {
		title(out, "Most calls without loss on one core")
		t := statistics.Table{Head: []string{"relay", "calls"}}
		for _, relay := range []string{ours, rtpengineName} {
			v, atLeast := r.capacities(relay)
			text := statistics.SpreadOf(v).Show("%.0f")
			if atLeast {
				text = "≥ " + text
			}
			t.Add(relay, text)
		}
		t.Write(out, o.markdown)
	}
	good := r.printGates(out, o)
	if o.quick {
		fmt.Fprintln(out, "\n-quick: one short round, not for the record.")
	}
	return good
}

func title(out io.Writer, text string) { fmt.Fprintf(out, "\n%s\n\n", text) }

func (r *results) printGates(out io.Writer, o options) (good bool) {
	good = true
	t := statistics.Table{Head: []string{"what", "ratio", "wanted", "result"}}
	for _, g := range r.gates(o) {
		t.Add(g.name, g.ratio.Show("%.2f"), g.bound(), g.result())
		good = good && g.met()
	}
	if len(t.Rows) > 0 {
		title(out, "Ratios to rtpengine, median of the rounds")
		t.Write(out, o.markdown)
	}
	return good
}

// quiet is how many processors other work may take before the tables say so.
const quiet = 0.05

// others is how many it took during the measurements.
func (r *results) others() statistics.Spread {
	var v []float64
	for _, m := range r.measurements {
		v = append(v, m.Others)
	}
	return statistics.SpreadOf(v)
}

// rows has a row for each relay and load, with the spread of each figure.
func (r *results) rows(figures ...func(measurement) float64) [][]string {
	var rows [][]string
	for _, calls := range callCounts {
		for _, relay := range []string{ours, rtpengineName, forward} {
			row := []string{relay, strconv.Itoa(calls)}
			for _, figure := range figures {
				s := statistics.SpreadOf(r.values(relay, calls, figure))
				if s.Max == 0 {
					s.N = 0 // ip_forward has no process
				}
				row = append(row, s.Show("%.2f"))
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// delays is rows with what is left after ip_forward's delay.
func (r *results) delays() [][]string {
	rows := r.rows(middleDelay, worstDelay)
	for i, row := range rows {
		relay := row[0]
		calls := callCounts[i/3]
		for _, figure := range []func(measurement) float64{middleDelay, worstDelay} {
			if relay == forward {
				rows[i] = append(rows[i], "-")
				continue
			}
			rows[i] = append(rows[i], statistics.SpreadOf(differences(r.values(relay, calls, figure), r.values(forward, calls, figure))).Show("%.1f"))
		}
	}
	return rows
}
