package store_test

import (
	"fmt"
	"testing"
	"time"

	"b2bua/cdr"
	"b2bua/internal/pgtest"
)

// BenchmarkSaveCDRs saves batches of 200 calls with one attempt each.
func BenchmarkSaveCDRs(b *testing.B) {
	for name, newURL := range map[string]func(testing.TB) string{"sqlite": sqliteURL, "postgres": pgtest.URL} {
		b.Run(name, func(b *testing.B) {
			s := open(b, newURL(b))
			const n = 200
			batch := 0
			for b.Loop() {
				records := make([]cdr.Record, n)
				for i := range records {
					r := record(1)
					r.CallID = fmt.Sprintf("%d-%d", batch, i)
					r.StartedAt = r.StartedAt.Add(time.Duration(batch) * time.Second)
					r.Attempts = []cdr.Attempt{{AttemptNo: 1, StartedAt: r.StartedAt}}
					records[i] = r
				}
				batch++
				save(b, s, records...)
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
