// Package api is the REST interface: policy resources, live calls, CDRs,
// health and metrics, described by the OpenAPI document it serves.
//
// A request passes, in this order:
//
//	middleware.go  headers, metrics, access log, panic fence, body limit, deadline
//	auth.go        the bearer token; everything needs it but the open paths
//	api.go         the routes; huma reads path and query parameters
//	body.go        the body of a policy object or document, which policy decodes
//	collection.go, policy.go, calls.go, cdrs.go, export.go, health.go
//	               the handlers
//	problem.go, faults.go
//	               every failure leaves as an RFC 9457 problem with a stable code
//
// openapi.go and schema.go describe all this in openapi.json, which a test
// holds against the routes. server.go serves it, token.go makes the token.
//
// Handlers are thin: the rules live in the services they call, which know
// nothing of HTTP.
package api
