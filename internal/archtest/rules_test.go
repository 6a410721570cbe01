package archtest

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// The rules themselves refuse what they are for.
func TestBansForbid(t *testing.T) {
	t.Parallel()
	tests := []struct {
		dir, imports string
		test, want   bool
	}{
		{"legs", "sdp", false, true},
		{"legs/txn", "rtprelay", false, true},
		{"legs", "legs/txn", false, false},
		{"legs", "sdp", true, false},
		{"bridge", "sdp", false, false},
		{"api", "bridge", false, true},
		{"api", "policy", false, false},
		{"store", "legs/sipmsg", false, true},
		{"internal/demo", "legs/sipmsg", false, false},
		{"internal/demo", "legs/transport", false, true},
		{"cdr", "database/sql", false, true},
		{"store", "github.com/jackc/pgx/v5/stdlib", false, false},
		{"store/storetest", "database/sql", false, false},
		{"legs", "github.com/emiago/sipgo/sip", false, true},
		{"legs/sipmsg", "github.com/emiago/sipgo/sip", false, true},
		{"legs/sipmsg", "github.com/emiago/sipgo/sip", true, false},
		{"sdp", "github.com/pion/sdp/v3", false, true},
		{"sdp", "github.com/pion/sdp/v3", true, false},
		{"cdr", "log", false, true},
		{"cdr", "log", true, true},
		{"cdr", "log/slog", false, false},
	}
	for _, tt := range tests {
		got := false
		for _, b := range bans {
			got = got || b.forbids(&source{dir: tt.dir, test: tt.test}, tt.imports)
		}
		if got != tt.want {
			t.Errorf("%s (test %v) imports %s: forbidden %v, want %v", tt.dir, tt.test, tt.imports, got, tt.want)
		}
	}
}

func TestKindOf(t *testing.T) {
	t.Parallel()
	opts := prometheus.Opts{Name: "x", Help: "X."}
	tests := map[string]prometheus.Collector{
		"counter":   prometheus.NewCounter(prometheus.CounterOpts(opts)),
		"gauge":     prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts), func() float64 { return 0 }),
		"histogram": prometheus.NewHistogram(prometheus.HistogramOpts{Name: "x", Help: "X."}),
	}
	for want, c := range tests {
		if got := kindOf(c); got != want {
			t.Errorf("a %s is taken for a %q", want, got)
		}
	}
	if got := kindOf(prometheus.NewGaugeVec(prometheus.GaugeOpts(opts), []string{"l"})); got != "gauge" {
		t.Errorf("an empty gauge vector is taken for a %q", got)
	}
}
