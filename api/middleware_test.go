package api

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"b2bua/cdr"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	var problem error
	f := newFixture(t, func(c *Config) { c.Ready = func() error { return problem } })
	for _, path := range []string{"/livez", "/readyz"} {
		for _, method := range []string{"GET", "HEAD"} {
			w := f.do(method, path, "", "Authorization", "")
			if w.Code != http.StatusOK {
				t.Errorf("%s %s: status %d", method, path, w.Code)
			}
			if method == "GET" && strings.TrimSpace(w.Body.String()) != `{"status":"ok"}` {
				t.Errorf("%s: %s", path, w.Body)
			}
		}
	}
	problem = errors.New("draining")
	if w := f.do("GET", "/readyz", ""); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "draining") {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	if w := f.do("GET", "/livez", ""); w.Code != http.StatusOK {
		t.Errorf("not alive because not ready: status %d", w.Code)
	}
}

// Whatever is answered, it is kept out of caches and frames.
func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, path := range []string{"/livez", "/openapi.json", "/metrics", "/v1/trunks", "/v1/nothing", "/v1/cdrs/export"} {
		h := f.do("GET", path, "").Header()
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", path, name, h.Get(name), want)
			}
		}
	}
	if got := f.do("GET", "/v1/trunks", "").Header().Get("Server"); got != "b2bua/1.2.3" {
		t.Errorf("Server is %q", got)
	}
}

func TestMethodNotAllowedNamesThoseThatAre(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for path, want := range map[string]string{
		"/v1/trunks":                 "GET, POST",
		"/v1/trunks/a":               "GET, PATCH, DELETE",
		"/v1/policy":                 "GET, PUT",
		"/v1/calls/a/actions/hangup": "POST",
	} {
		w := f.do("TRACE", path, "")
		if got := strings.Join(w.Header().Values("Allow"), ", "); w.Code != http.StatusMethodNotAllowed || got != want {
			t.Errorf("%s: status %d, Allow %q, want %q", path, w.Code, got, want)
		}
	}
}

// panicky panics where it is asked for the calls.
type panicky struct{ memoryCalls }

func (*panicky) List(context.Context) ([]cdr.Record, error) { panic("boom") }

func TestPanicCostsOneRequest(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) { c.Calls = &panicky{} })
	w := f.do("GET", "/v1/calls", "")
	if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), `"code":"internal"`) || strings.Contains(w.Body.String(), "boom") {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	if !strings.Contains(f.log.String(), "boom") || !strings.Contains(f.log.String(), "middleware_test.go") {
		t.Errorf("the log has no cause or no stack: %s", f.log)
	}
	if w := f.do("GET", "/metrics", ""); !strings.Contains(w.Body.String(), "b2bua_http_panics_total 1") {
		t.Errorf("metrics: %s", w.Body)
	}
}

// slow waits until it is given up.
type slow struct{ memoryCDRs }

func (*slow) ListCDRs(ctx context.Context, _ cdr.Query) (cdr.Page, error) {
	<-ctx.Done()
	return cdr.Page{}, ctx.Err()
}

func TestRequestIsGivenUp(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) { c.CDRs, c.RequestTimeout = &slow{}, time.Millisecond })
	if w := f.do("GET", "/v1/cdrs", ""); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), `"code":"timeout"`) {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.do("GET", "/v1/trunks/nobody", "")
	f.do("GET", "/v1/trunks/somebody", "")
	f.do("GET", "/v1/trunks", "", "Authorization", "")
	f.do("BREW", "/v1/nowhere", "")
	f.do("POST", "/v1/trunks", `{"name": "`+strings.Repeat("x", 2<<20)+`"}`)
	got := f.do("GET", "/metrics", "").Body.String()
	for _, want := range []string{
		`b2bua_http_requests_total{method="GET",route="/v1/trunks/{id}",status="4xx"} 2`,
		`b2bua_http_requests_total{method="GET",route="none",status="4xx"} 1`,
		`b2bua_http_requests_total{method="other",route="none",status="4xx"} 1`,
		`b2bua_http_request_duration_seconds_count{route="/v1/trunks/{id}"} 2`,
		`b2bua_http_refused_total{reason="unauthorized"} 1`,
		`b2bua_http_refused_total{reason="too_large"} 1`,
		`b2bua_http_refused_total{reason="busy"} 0`,
		`b2bua_http_requests_active 1`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if strings.Contains(got, "nobody") {
		t.Error("a name became a label")
	}
	if t.Failed() {
		t.Log(got)
	}
}

func TestNoMetricsHandler(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) { c.Metrics = nil })
	if w := f.do("GET", "/metrics", ""); w.Code != http.StatusOK || w.Body.Len() != 0 {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

// The log tells who changed what, and no secret.
func TestLog(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.do("POST", "/v1/accounts", `{"name": "acme"}`)
	f.do("GET", "/v1/accounts?cursor=abc", "")
	log := f.log.String()
	if !strings.Contains(log, "method=POST path=/v1/accounts status=201") || strings.Contains(log, "method=GET") || strings.Contains(log, testToken) {
		t.Errorf("log %s", log)
	}
}

// A problem after the answer has begun cuts the connection.
func TestPanicInMidAnswer(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) {
		c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusOK)
			panic("half way")
		})
	})
	server := httptest.NewServer(f.handler)
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+testToken)
	if resp, err := server.Client().Do(req); err == nil {
		resp.Body.Close()
		t.Errorf("status %d, as if nothing had happened", resp.StatusCode)
	}
}
