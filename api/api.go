package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

// Paths that more than their own handler must know.
const (
	pathLive    = "/livez"
	pathReady   = "/readyz"
	pathMetrics = "/metrics"
	pathOpenAPI = "/openapi.json"
	pathPolicy  = "/v1/policy"
	pathExport  = "/v1/cdrs/export"
)

type api struct {
	cfg     Config
	schemas *schemas
	huma    huma.API
	exports chan struct{} // a token for each export in progress
}

// New returns the handler of the whole REST interface. It starts nothing.
func New(cfg Config) http.Handler {
	_, router := build(cfg)
	return router
}

func build(cfg Config) (*api, *chi.Mux) {
	cfg = cfg.withDefaults()
	a := &api{cfg: cfg, schemas: newSchemas(), exports: make(chan struct{}, cfg.MaxExports)}
	r := chi.NewRouter()
	r.Use(a.secure, a.observe, a.fence, a.authenticate, a.bound, middleware.GetHead)
	r.NotFound(notFound)
	r.MethodNotAllowed(methodNotAllowed(r))
	a.huma = humachi.New(r, a.describe())

	registerCollection(a, collection{singular: "account", plural: "accounts", id: "account_id", schema: "Account"}, cfg.Policy.Accounts())
	registerCollection(a, collection{singular: "trunk", plural: "trunks", id: "trunk_id", schema: "Trunk"}, cfg.Policy.Trunks())
	registerCollection(a, collection{singular: "route", plural: "routes", id: "route_id", schema: "Route"}, cfg.Policy.Routes())
	a.registerPolicy()
	a.registerCalls()
	a.registerCDRs()
	a.registerHealth()
	a.schemas.finish()
	if cfg.Debug {
		registerDebug(r)
	}
	return a, r
}

// operation is one method of one path, as the OpenAPI document describes it.
type operation struct {
	method, path string
	id           string // in the document; clients generated from it use it as a name
	tag          string
	summary      string
	description  string
	status       int                     // of success; 0 means 200, or 204 without a body
	request      *huma.RequestBody       // of a body that policy decodes
	reads        bool                    // a body that huma decodes
	response     map[string]*huma.Schema // of success by media type; nil: what the output type says
	codes        []Code                  // of failure, beyond those of every operation
	open         bool                    // served without the token
}

// register adds an operation and its handler. The handler's errors become
// problems.
func register[I, O any](a *api, op operation, handle func(context.Context, *I) (*O, error)) {
	described := a.describeOperation(op)
	huma.Register(a.huma, described, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		return out, nil
	})
	a.describeBody(op)
}
