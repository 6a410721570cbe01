package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

// secure sets the headers that keep answers out of caches, frames and guesses.
func (a *api) secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		next.ServeHTTP(w, r)
	})
}

// observe counts and logs every request: those that change something at info,
// the others at debug. Neither the query nor a header is logged.
func (a *api) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		a.cfg.Own.active.Inc()
		began := time.Now()
		wrapped := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		defer func() { // also when an export cuts its connection by a panic
			took := time.Since(began)
			status := wrapped.Status()
			if status == 0 {
				status = http.StatusOK
			}
			route := chi.RouteContext(ctx).RoutePattern()
			a.cfg.Own.active.Dec()
			a.cfg.Own.observe(route, r.Method, status, took)
			if status == http.StatusRequestEntityTooLarge {
				a.cfg.Own.refused.WithLabelValues("too_large").Inc()
			}
			level := slog.LevelInfo
			if r.Method == http.MethodGet || r.Method == http.MethodHead {
				level = slog.LevelDebug
			}
			a.cfg.Logger.Log(ctx, level, "api: request", "method", r.Method, "path", r.URL.Path,
				"status", status, "remote", r.RemoteAddr, "took", took)
		}()
		next.ServeHTTP(wrapped, r)
	})
}

// fence turns a panic into an answer, so that it costs one request. When the
// answer has begun, the connection is cut: half of one must not look whole.
func (a *api) fence(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wrapped := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(v)
			}
			a.cfg.Own.panics.Inc()
			a.cfg.Logger.Error("api: panic", "panic", v, "method", r.Method, "path", r.URL.Path, "stack", string(debug.Stack()))
			if wrapped.Status() != 0 {
				panic(http.ErrAbortHandler)
			}
			writeProblem(wrapped, newProblem(CodeInternal, "the cause is in the server's log"))
		}()
		next.ServeHTTP(wrapped, r)
	})
}

// bound limits the body and, but for exports, the time of a request, and names
// the build now that the client is known.
func (a *api) bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !a.open(r) {
			w.Header().Set("Server", "b2bua/"+a.cfg.Version)
		}
		most := a.cfg.MaxBodyBytes
		if r.URL.Path == pathPolicy {
			most = a.cfg.MaxPolicyBytes
		}
		r.Body = http.MaxBytesReader(w, r.Body, most)
		if r.URL.Path != pathExport {
			ctx, cancel := context.WithTimeout(r.Context(), a.cfg.RequestTimeout)
			defer cancel()
			r = r.WithContext(ctx)
		}
		next.ServeHTTP(w, r)
	})
}

func notFound(w http.ResponseWriter, r *http.Request) {
	writeProblem(w, newProblem(CodeNotFound, "there is nothing at %s", r.URL.Path))
}

// methodNotAllowed answers with the methods that are (RFC 9110 §15.5.6).
func methodNotAllowed(routes chi.Routes) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			if routes.Match(chi.NewRouteContext(), m, r.URL.EscapedPath()) {
				w.Header().Add("Allow", m)
			}
		}
		writeProblem(w, newProblem(CodeMethodNotAllowed, "%s is not among the methods of %s", r.Method, r.URL.Path))
	}
}
