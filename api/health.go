package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
)

// health is the answer of a probe that has nothing to complain of.
type health struct {
	Status string `json:"status" enum:"ok"`
}

func (a *api) registerHealth() {
	register(a, operation{
		method: http.MethodGet, path: pathLive, id: "get-livez", tag: "server", open: true,
		summary: "Is the process alive?", description: "Always 200: that it answers is the answer.",
	}, func(context.Context, *struct{}) (*output[health], error) {
		return &output[health]{health{"ok"}}, nil
	})
	register(a, operation{
		method: http.MethodGet, path: pathReady, id: "get-readyz", tag: "server", open: true,
		summary: "Does it take calls?", description: "503 until it does, and while it drains.", codes: []Code{CodeNotReady},
	}, a.ready)
	register(a, operation{
		method: http.MethodGet, path: pathMetrics, id: "get-metrics", tag: "server", summary: "Metrics in Prometheus' text format",
		description: "Needs the token like everything else, unless the server is configured to show its metrics to anyone.",
		response:    map[string]*huma.Schema{"text/plain": {Type: huma.TypeString}},
	}, a.metrics)
	register(a, operation{
		method: http.MethodGet, path: pathOpenAPI, id: "get-openapi", tag: "server", open: true, summary: "This document",
		response: map[string]*huma.Schema{"application/openapi+json": {Type: huma.TypeObject, AdditionalProperties: true}},
	}, a.openapi())
}

func (a *api) ready(context.Context, *struct{}) (*output[health], error) {
	if a.cfg.Ready != nil {
		if err := a.cfg.Ready(); err != nil {
			return nil, newProblem(CodeNotReady, "%v", err)
		}
	}
	return &output[health]{health{"ok"}}, nil
}

func (a *api) metrics(context.Context, *struct{}) (*streamOutput, error) {
	return &streamOutput{Body: func(ctx huma.Context) {
		if a.cfg.Metrics == nil {
			ctx.SetHeader("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
			return
		}
		r, w := humachi.Unwrap(ctx)
		a.cfg.Metrics.ServeHTTP(w, r)
	}}, nil
}

// openapi serves the document, encoded once all operations are in it.
func (a *api) openapi() func(context.Context, *struct{}) (*streamOutput, error) {
	document := sync.OnceValues(func() ([]byte, error) { return json.MarshalIndent(a.huma.OpenAPI(), "", "  ") })
	return func(context.Context, *struct{}) (*streamOutput, error) {
		raw, err := document()
		if err != nil {
			return nil, fmt.Errorf("api: encode the OpenAPI document: %w", err)
		}
		return &streamOutput{Body: func(ctx huma.Context) {
			ctx.SetHeader("Content-Type", "application/openapi+json")
			_, _ = ctx.BodyWriter().Write(raw) // the client may be gone
		}}, nil
	}
}
