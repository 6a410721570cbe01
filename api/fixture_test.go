package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"b2bua/cdr"
	"b2bua/policy"
	"b2bua/policy/policytest"
)

const testToken = "test-token-0123456789abcdefghijklmnop"

// fixture is the whole API over a real policy service, with what lies below it
// kept in memory.
type fixture struct {
	t       testing.TB
	handler http.Handler
	store   *policytest.Store
	calls   *memoryCalls
	cdrs    *memoryCDRs
	log     *lockedBuffer
}

func newFixture(tb testing.TB, change ...func(*Config)) *fixture {
	tb.Helper()
	f := &fixture{t: tb, store: &policytest.Store{}, calls: &memoryCalls{}, cdrs: &memoryCDRs{}, log: &lockedBuffer{}}
	logger := slog.New(slog.NewTextHandler(f.log, nil))
	service := policy.NewService(f.store, policy.NewEngine(nil), "", logger, policy.WithClock(someNow))
	if err := service.Refresh(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	cfg := Config{
		Policy: service, Calls: f.calls, CDRs: f.cdrs, Token: testToken, Version: "1.2.3", Logger: logger,
		Metrics: promhttp.HandlerFor(reg, promhttp.HandlerOpts{}), Own: NewMetrics(reg),
		Now: someNow,
	}
	for _, c := range change {
		c(&cfg)
	}
	f.handler = New(cfg)
	return f
}

// do sends a request with the token. Headers are name, value, name, value.
func (f *fixture) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	f.t.Helper()
	r := httptest.NewRequestWithContext(f.t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+testToken)
	if body != "" {
		r.Header.Set("Content-Type", mediaJSON)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	return w
}

// must is do for a request that cannot fail; it returns the decoded body.
func (f *fixture) must(status int, method, path, body string, headers ...string) map[string]any {
	f.t.Helper()
	w := f.do(method, path, body, headers...)
	if w.Code != status {
		f.t.Fatalf("%s %s: status %d, want %d: %s", method, path, w.Code, status, w.Body)
	}
	if w.Body.Len() == 0 {
		return nil
	}
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		f.t.Fatalf("%s %s: %v: %s", method, path, err, w.Body)
	}
	return out
}

// memoryCalls is a Calls.
type memoryCalls struct {
	records []cdr.Record
	hungUp  []string
	fail    error
}

func (c *memoryCalls) List(context.Context) ([]cdr.Record, error) {
	return slices.Clone(c.records), c.fail
}

func (c *memoryCalls) Get(_ context.Context, callID string) (cdr.Record, error) {
	for _, r := range c.records {
		if r.CallID == callID {
			return r, c.fail
		}
	}
	return cdr.Record{}, cmp.Or(c.fail, cdr.ErrNotFound)
}

func (c *memoryCalls) Hangup(ctx context.Context, callID string) error {
	if _, err := c.Get(ctx, callID); err != nil {
		return err
	}
	c.hungUp = append(c.hungUp, callID)
	return nil
}

// memoryCDRs is a CDRs. It keeps the query of the last call.
type memoryCDRs struct {
	records []cdr.Record
	asked   cdr.Query
	next    string
	fail    error // of everything
	failAt  int   // records an export yields before it fails with fail; 0 means at once
	during  func()
}

func (c *memoryCDRs) ListCDRs(_ context.Context, q cdr.Query) (cdr.Page, error) {
	c.asked = q
	return cdr.Page{Items: c.records, NextCursor: c.next}, c.fail
}

func (c *memoryCDRs) GetCDR(_ context.Context, callID string) (cdr.Record, error) {
	for _, r := range c.records {
		if r.CallID == callID {
			return r, c.fail
		}
	}
	return cdr.Record{}, cmp.Or(c.fail, cdr.ErrNotFound)
}

func (c *memoryCDRs) ExportCDRs(_ context.Context, q cdr.Query, each func(*cdr.Record) error) error {
	c.asked = q
	if c.during != nil {
		c.during()
	}
	for i := range c.records {
		if c.fail != nil && i == c.failAt {
			return c.fail
		}
		if err := each(&c.records[i]); err != nil {
			return err
		}
	}
	return c.fail
}

// lockedBuffer is a log that can be read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func someNow() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// someRecords are three ended or live calls, newest last.
func someRecords() []cdr.Record {
	start := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	records := make([]cdr.Record, 3)
	for i := range records {
		records[i] = cdr.Record{
			CallID: "0195500a-0000-7000-8000-00000000000" + string(rune('1'+i)), NodeID: "1", Caller: "1000", Called: "2000",
			InboundTrunk: new("pbx"), StartedAt: start.Add(time.Duration(i) * time.Minute),
			Received:     cdr.Received{Source: "127.0.0.1:5061", Transport: "udp"},
			RelatedCalls: []cdr.RelatedCall{}, Attempts: []cdr.Attempt{},
		}
	}
	records[1].OutboundTrunk, records[1].AnsweredAt = new("carrier"), new(start.Add(90*time.Second))
	records[2].Caller = "1001"
	return records
}
