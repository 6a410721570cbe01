package api

import (
	"net/http/pprof"

	"github.com/go-chi/chi/v5"
)

// pathDebug is below which the runtime's profiles are, with [Config.Debug].
const pathDebug = "/debug/pprof/"

// registerDebug serves the runtime's profiles. They need the token like
// everything else, last no longer than a request may, and are no part of the
// API that the document describes.
func registerDebug(r chi.Router) {
	r.Get(pathDebug+"cmdline", pprof.Cmdline)
	r.Get(pathDebug+"profile", pprof.Profile)
	r.Get(pathDebug+"symbol", pprof.Symbol)
	r.Get(pathDebug+"trace", pprof.Trace)
	r.Get(pathDebug+"*", pprof.Index) // and the named ones: heap, goroutine, mutex, ...
}
