package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
)

// Every route but the open ones refuses who has no token or a wrong one, and
// does nothing.
func TestEveryRouteNeedsTheToken(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	open := map[string]bool{"/livez": true, "/readyz": true, "/openapi.json": true}
	seen := 0
	err := chi.Walk(f.handler.(chi.Routes), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		seen++
		path := strings.ReplaceAll(route, "{id}", "x")
		for _, token := range []string{
			"", "Bearer", "Bearer ", "Bearer wrong", "Basic " + testToken, testToken,
			"Bearer " + testToken + "x", "Bearer " + testToken[1:], "Bearer " + strings.ToUpper(testToken),
		} {
			w := f.do(method, path, "", "Authorization", token)
			if open[route] != (w.Code != http.StatusUnauthorized) {
				t.Errorf("%s %s with %q: status %d", method, path, token, w.Code)
			}
			if !open[route] && (w.Header().Get("WWW-Authenticate") == "" || w.Header().Get("Server") != "") {
				t.Errorf("%s %s: headers %v", method, path, w.Header())
			}
		}
		return nil
	})
	if err != nil || seen < 25 {
		t.Errorf("%d routes, %v", seen, err)
	}
	for _, path := range []string{"/", "/v1", "/docs", "/openapi.yaml", "/livez/", "/v1/../livez", "//livez"} {
		if w := f.do("GET", path, "", "Authorization", ""); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: status %d without the token", path, w.Code)
		}
	}
	if w := f.do("POST", "/livez", "", "Authorization", ""); w.Code != http.StatusUnauthorized {
		t.Errorf("POST /livez: status %d without the token", w.Code)
	}
	if got := f.do("GET", "/v1/trunks", "", "Authorization", "bearer "+testToken).Code; got != http.StatusOK {
		t.Errorf("a lower-case scheme: status %d, want 200 (RFC 9110 §11.1)", got)
	}
}

func TestNoTokenConfiguredLetsNobodyIn(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) { c.Token = "" })
	for _, token := range []string{"", "Bearer ", "Bearer x"} {
		if w := f.do("GET", "/v1/trunks", "", "Authorization", token); w.Code != http.StatusUnauthorized {
			t.Errorf("%q: status %d", token, w.Code)
		}
	}
}

func TestOpenMetrics(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) { c.OpenMetrics = true })
	if w := f.do("GET", "/metrics", "", "Authorization", ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "b2bua_http_") {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	if w := f.do("GET", "/v1/trunks", "", "Authorization", ""); w.Code != http.StatusUnauthorized {
		t.Errorf("status %d", w.Code)
	}
}
