package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// authenticate lets through what carries the token, and the open paths. A path
// that does not exist needs the token too: without it nothing can be learned.
func (a *api) authenticate(next http.Handler) http.Handler {
	want := sha256.Sum256([]byte(a.cfg.Token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.open(r) || (a.cfg.Token != "" && bearer(r, want)) {
			next.ServeHTTP(w, r)
			return
		}
		a.cfg.Own.refused.WithLabelValues("unauthorized").Inc()
		w.Header().Set("WWW-Authenticate", `Bearer realm="b2bua"`) // RFC 6750 §3
		writeProblem(w, newProblem(CodeUnauthorized, "send the header Authorization: Bearer TOKEN; the token is in the file that http.token_file names"))
	})
}

// open reports whether r may be served to anyone: liveness, readiness, the API
// description, and the metrics when so configured.
func (a *api) open(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	switch r.URL.Path {
	case pathLive, pathReady, pathOpenAPI:
		return true
	case pathMetrics:
		return a.cfg.OpenMetrics
	}
	return false
}

// bearer reports whether r carries the token whose hash is want. Comparing
// hashes takes the same time whatever the length of the guess.
func bearer(r *http.Request, want [sha256.Size]byte) bool {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return false
	}
	got := sha256.Sum256([]byte(strings.TrimSpace(token)))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}
