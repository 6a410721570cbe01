package archtest

import (
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"b2bua/api"
	"b2bua/bridge"
	"b2bua/cdr"
	"b2bua/legs"
	"b2bua/legs/resolve"
	"b2bua/legs/shard"
	"b2bua/legs/transport"
	"b2bua/policy"
	"b2bua/rtprelay"
	"b2bua/store"
)

// measured are the packages with collectors of their own.
func measured() map[string]func(prometheus.Registerer) {
	return map[string]func(prometheus.Registerer){
		"api":            func(r prometheus.Registerer) { api.NewMetrics(r) },
		"bridge":         func(r prometheus.Registerer) { bridge.NewMetrics(r) },
		"cdr":            func(r prometheus.Registerer) { cdr.NewMetrics(r) },
		"legs":           func(r prometheus.Registerer) { legs.NewMetrics(r) },
		"legs/resolve":   func(r prometheus.Registerer) { resolve.NewMetrics(r) },
		"legs/shard":     func(r prometheus.Registerer) { shard.NewMetrics(r) },
		"legs/transport": func(r prometheus.Registerer) { transport.NewMetrics(r) },
		"policy":         func(r prometheus.Registerer) { policy.NewMetrics(r) },
		"rtprelay":       func(r prometheus.Registerer) { rtprelay.NewMetrics(r) },
		"store":          func(r prometheus.Registerer) { store.NewMetrics(r) },
	}
}

// Collectors are made in metrics.go, and every such file is known here.
func TestMetricsHaveOnePlace(t *testing.T) {
	t.Parallel()
	known := measured()
	seen := map[string]bool{}
	for _, s := range tree(t) {
		_, testOnly, _ := lineOf(s.dir)
		if s.test || testOnly {
			continue
		}
		if path.Base(s.path) == "metrics.go" {
			seen[s.dir] = true
			if known[s.dir] == nil {
				t.Errorf("%s: add its NewMetrics to this test", s.path)
			}
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			f, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if on, ok := f.X.(*ast.Ident); ok && on.Name == "prometheus" && isConstructor(f.Sel.Name) {
				t.Errorf("%s: collectors are made in metrics.go", s.at(f))
			}
			return true
		})
	}
	for dir := range known {
		if !seen[dir] {
			t.Errorf("%s has no metrics.go", dir)
		}
	}
}

func isConstructor(name string) bool {
	return strings.HasPrefix(name, "New") && name != "NewRegistry" && name != "NewPedanticRegistry"
}

// collected keeps what a package registers.
type collected struct {
	prometheus.Registerer
	all []prometheus.Collector
}

func (c *collected) MustRegister(cs ...prometheus.Collector) {
	c.all = append(c.all, cs...)
	c.Registerer.MustRegister(cs...)
}

func (c *collected) Register(one prometheus.Collector) error {
	c.all = append(c.all, one)
	return c.Registerer.Register(one)
}

var (
	described  = regexp.MustCompile(`^Desc\{fqName: "([^"]*)", help: "(.*?)", (?:unit: ".*", )?constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)
	metricName = regexp.MustCompile(`^b2bua(_[a-z][a-z0-9]*){2,}$`)
	unitSuffix = regexp.MustCompile(`_(seconds|bytes|octets|ratio)$`)
	wrongUnit  = regexp.MustCompile(`_(ms|milliseconds|us|microseconds|minutes|hours|kb|kilobytes|mb|megabytes|percent|count|sum|bucket)$`)
)

// forbiddenLabels would make a series for every call, person or address, and
// put what is private where everybody looks.
var forbiddenLabels = []string{
	"number", "caller", "called", "from", "to", "ip", "addr", "address", "source", "remote", "peer", "host", "user", "username", "uri", "url",
	"call_id", "sip_call_id", "callid", "call", "tag", "branch", "path", "token", "id", "ssrc", "port", "error", "user_agent",
}

// One name, one meaning: b2bua_<noun>_<unit>, counters end in _total, base
// units, and no two packages with the same name.
func TestMetricNames(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	names := 0
	for dir, register := range measured() {
		got := &collected{Registerer: registry}
		register(got)
		register(nil) // must work
		for _, c := range got.all {
			descriptions := make(chan *prometheus.Desc, 100)
			c.Describe(descriptions)
			close(descriptions)
			for d := range descriptions {
				names++
				checkMetric(t, dir, c, d.String())
			}
		}
	}
	if names < 30 {
		t.Errorf("only %d metrics were found", names)
	}
	if _, err := registry.Gather(); err != nil {
		t.Errorf("gather: %v", err)
	}
}

func checkMetric(t *testing.T, dir string, c prometheus.Collector, description string) {
	t.Helper()
	m := described.FindStringSubmatch(description)
	if m == nil {
		t.Fatalf("%s: cannot read %s", dir, description)
	}
	name, help := m[1], m[2]
	if !metricName.MatchString(name) {
		t.Errorf("%s: %s is not b2bua_<noun>_<unit>", dir, name)
	}
	if wrongUnit.MatchString(name) {
		t.Errorf("%s: %s is not in a base unit, or ends in what Prometheus appends", dir, name)
	}
	if !strings.HasSuffix(help, ".") {
		t.Errorf("%s: the help of %s is not a sentence: %q", dir, name, help)
	}
	total := strings.HasSuffix(name, "_total")
	switch kind := kindOf(c); {
	case kind == "counter" && !total:
		t.Errorf("%s: %s is a counter and must end in _total", dir, name)
	case kind == "gauge" && total:
		t.Errorf("%s: %s is a gauge and must not end in _total", dir, name)
	case kind == "histogram" && !unitSuffix.MatchString(name):
		t.Errorf("%s: %s is a histogram and must end in its unit", dir, name)
	}
	for label := range strings.SplitSeq(m[4]+","+m[3], ",") {
		label, _, _ = strings.Cut(label, "=")
		if slices.Contains(forbiddenLabels, strings.TrimSpace(label)) {
			t.Errorf("%s: %s must not have the label %s", dir, name, label)
		}
	}
}

// kindOf is what c collects: counter, gauge, histogram, or "" for a collector
// of its own kind. A vector without a child has nothing to ask but its type.
func kindOf(c prometheus.Collector) string {
	switch c.(type) {
	case *prometheus.CounterVec:
		return "counter"
	case *prometheus.GaugeVec:
		return "gauge"
	case *prometheus.HistogramVec:
		return "histogram"
	}
	metrics := make(chan prometheus.Metric, 100)
	c.Collect(metrics)
	close(metrics)
	first, ok := <-metrics
	if !ok || len(metrics) > 0 {
		return ""
	}
	var value dto.Metric
	if err := first.Write(&value); err != nil {
		return ""
	}
	switch {
	case value.Counter != nil:
		return "counter"
	case value.Gauge != nil:
		return "gauge"
	case value.Histogram != nil:
		return "histogram"
	}
	return ""
}
