package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// The gates: our figure divided by rtpengine's, in the same round.
const (
	gateCPU      = 0.85 // at most, of the time per packet at the last of callCounts
	gateCapacity = 1.4  // at least, of the calls of one processor
)

// print writes the tables and reports that no gate was missed.
func (r *results) print(out io.Writer, o options) bool {
	p := page{out: out, markdown: o.markdown}
	if o.wants(partCPU) {
		p.table("Processor time, microseconds for each packet relayed", []string{"relay", "calls", "process", "whole core", "generator"},
			r.rows(processPerPacket, corePerPacket, generatorPerPacket))
	}
	if o.wants(partLatency) {
		p.table("Delay, microseconds; added = minus ip_forward's of the same round", []string{"relay", "calls", "p50", "p99", "added p50", "added p99"},
			r.delays())
	}
	if o.wants(partCapacity) {
		var rows [][]string
		for _, relay := range []string{ours, rtpengineName} {
			v, atLeast := r.capacities(relay)
			rows = append(rows, []string{relay, mostly(spreadOf(v), atLeast)})
		}
		p.table("Most calls without loss on one core", []string{"relay", "calls"}, rows)
	}
	gates := r.gates(o)
	rows := make([][]string, 0, len(gates))
	good := true
	for _, g := range gates {
		rows = append(rows, []string{g.name, g.ratio.show("%.2f"), g.bound(), g.result()})
		good = good && g.met()
	}
	if len(rows) > 0 {
		p.table("Ratios to rtpengine, median of the rounds", []string{"what", "ratio", "wanted", "result"}, rows)
	}
	if o.quick {
		fmt.Fprintln(out, "\n-quick: one short round, not for the record.")
	}
	return good
}

// mostly shows capacities; some may be only known to be no less.
func mostly(s spread, atLeast bool) string {
	text := s.show("%.0f")
	if atLeast {
		text = "≥ " + text
	}
	return text
}

// rows has a row for each relay and load, with the spread of each figure.
func (r *results) rows(figures ...func(measurement) float64) [][]string {
	var rows [][]string
	for _, calls := range callCounts {
		for _, relay := range []string{ours, rtpengineName, forward} {
			row := []string{relay, strconv.Itoa(calls)}
			for _, figure := range figures {
				s := spreadOf(r.values(relay, calls, figure))
				if s.highest == 0 {
					s.n = 0 // ip_forward has no process
				}
				row = append(row, s.show("%.2f"))
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
			rows[i] = append(rows[i], spreadOf(differences(r.values(relay, calls, figure), r.values(forward, calls, figure))).show("%.1f"))
		}
	}
	return rows
}

// A gate is a ratio to rtpengine and what it has to be.
type gate struct {
	name    string
	ratio   spread
	limit   float64
	atLeast bool // else at most
}

func (g gate) met() bool {
	if g.ratio.n == 0 {
		return false
	}
	if g.atLeast {
		return g.ratio.median >= g.limit
	}
	return g.ratio.median <= g.limit
}

func (g gate) bound() string {
	if g.atLeast {
		return fmt.Sprintf("≥ %.2f", g.limit)
	}
	return fmt.Sprintf("≤ %.2f", g.limit)
}

func (g gate) result() string {
	if g.met() {
		return "PASS"
	}
	return "MISS"
}

// gates are those of the parts that were measured.
func (r *results) gates(o options) []gate {
	var gates []gate
	if o.wants(partCPU) {
		calls := callCounts[len(callCounts)-1]
		for _, f := range []struct {
			name   string
			figure func(measurement) float64
		}{{"process", processPerPacket}, {"whole core", corePerPacket}} {
			gates = append(gates, gate{
				name: fmt.Sprintf("time per packet, %d calls, %s", calls, f.name), limit: gateCPU,
				ratio: spreadOf(ratios(r.values(ours, calls, f.figure), r.values(rtpengineName, calls, f.figure))),
			})
		}
	}
	if o.wants(partCapacity) {
		us, _ := r.capacities(ours)
		them, _ := r.capacities(rtpengineName)
		gates = append(gates, gate{name: "calls without loss per core", ratio: spreadOf(ratios(us, them)), limit: gateCapacity, atLeast: true})
	}
	return gates
}

// A page is where tables go.
type page struct {
	out      io.Writer
	markdown bool
}

func (p page) table(title string, head []string, rows [][]string) {
	fmt.Fprintf(p.out, "\n%s\n\n", title)
	if p.markdown {
		for i, row := range append([][]string{head}, rows...) {
			fmt.Fprintf(p.out, "| %s |\n", strings.Join(row, " | "))
			if i == 0 {
				fmt.Fprintf(p.out, "|%s\n", strings.Repeat("---|", len(head)))
			}
		}
		return
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{head}, rows...) {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush() // to a terminal, as above
}
