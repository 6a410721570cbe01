package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Profiles are served when asked for in the configuration, and with the token.
func TestDebug(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		debug, token bool
		want         int
	}{
		{debug: true, token: true, want: http.StatusOK},
		{debug: true, token: false, want: http.StatusUnauthorized},
		{debug: false, token: true, want: http.StatusNotFound},
	} {
		req := httptest.NewRequest(http.MethodGet, "/debug/pprof/goroutine?debug=1", nil)
		if tt.token {
			req.Header.Set("Authorization", "Bearer secret")
		}
		rec := httptest.NewRecorder()
		New(Config{Token: "secret", Debug: tt.debug}).ServeHTTP(rec, req)
		if rec.Code != tt.want {
			t.Errorf("debug %v, token %v: status %d, want %d", tt.debug, tt.token, rec.Code, tt.want)
		}
		if got := strings.Contains(rec.Body.String(), "goroutine profile: total"); got != (tt.want == http.StatusOK) {
			t.Errorf("debug %v, token %v: profile shown: %v", tt.debug, tt.token, got)
		}
	}
}
