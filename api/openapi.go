package api

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// apiVersion is the version of this interface, not of the build. It grows in
// its second number when something is added; nothing is ever taken away
// under /v1.
const apiVersion = "1.0.0"

const aboutAPI = `Routing policy, live calls and call records of the B2BUA.

Every request carries ` + "`Authorization: Bearer TOKEN`" + `, but for /livez, /readyz and this document. The token is in the file that
http.token_file names; the server makes it at its first start.

Bodies are JSON in snake_case; a policy document may be YAML. A property that is not known is refused by name. Every answer that is not a
success is a problem (RFC 9457) with a stable ` + "`code`" + `.

Lists are paged: pass next_cursor as cursor until it is null.

Accounts, trunks and routes go by their id or their name in paths.`

// describe is the OpenAPI document before any operation is added, and the
// parts of huma that this API uses: neither its documentation page, which
// loads scripts from elsewhere, nor its links to schemas.
func (a *api) describe() huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "B2BUA", Description: aboutAPI, Version: apiVersion,
				License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Components: &huma.Components{
				Schemas:         a.schemas.registry,
				SecuritySchemes: map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}},
			},
			Tags: []*huma.Tag{
				{Name: "policy", Description: "Who may call and where calls go"},
				{Name: "calls", Description: "Calls in progress"},
				{Name: "cdrs", Description: "Call records"},
				{Name: "server", Description: "Health, metrics and this document"},
			},
		},
		Formats: map[string]huma.Format{
			mediaJSON: huma.DefaultJSONFormat,
			"json":    huma.DefaultJSONFormat, // whatever ends in +json
			mediaForm: huma.DefaultJSONFormat, // what curl -d calls anything
		},
		DefaultFormat:                mediaJSON,
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{fromHuma},
	}
}

func (a *api) describeOperation(op operation) huma.Operation {
	out := huma.Operation{
		Method: op.method, Path: op.path, OperationID: op.id, Tags: []string{op.tag},
		Summary: op.summary, Description: op.description, DefaultStatus: op.status, MaxBodyBytes: a.cfg.MaxBodyBytes,
		Responses: a.describeFailures(op),
	}
	if !op.open {
		out.Security = []map[string][]string{{"token": {}}}
	}
	if op.response != nil {
		status := op.status
		if status == 0 {
			status = http.StatusOK
		}
		content := map[string]*huma.MediaType{}
		for mediaType, schema := range op.response {
			content[mediaType] = &huma.MediaType{Schema: schema}
		}
		out.Responses[fmt.Sprint(status)] = &huma.Response{Description: http.StatusText(status), Content: content}
	}
	return out
}

// describeFailures lists the codes an operation answers with, by status.
func (a *api) describeFailures(op operation) map[string]*huma.Response {
	codes := append([]Code{CodeInternal, CodeInvalidRequest}, op.codes...)
	if !op.open {
		codes = append(codes, CodeTimeout, CodeUnauthorized, CodeUnavailable)
	}
	if op.request != nil || op.reads {
		codes = append(codes, CodeMalformedBody, CodeTooLarge, CodeUnsupportedMedia)
	}
	slices.Sort(codes)
	problem := a.schemas.registry.Schema(reflect.TypeFor[Problem](), true, "")
	out := map[string]*huma.Response{}
	for _, c := range slices.Compact(codes) {
		status := fmt.Sprint(c.meaning().status)
		if r := out[status]; r != nil {
			r.Description += " or `" + string(c) + "`"
			continue
		}
		out[status] = &huma.Response{
			Description: "Problem with code `" + string(c) + "`",
			Content:     map[string]*huma.MediaType{problemMediaType: {Schema: problem}},
		}
	}
	return out
}

// describeBody adds the request body to the document. Huma must not know of it
// while it registers the operation, or it would read the body itself.
func (a *api) describeBody(op operation) {
	if op.request == nil {
		return
	}
	item := a.huma.OpenAPI().Paths[op.path]
	switch op.method {
	case http.MethodPost:
		item.Post.RequestBody = op.request
	case http.MethodPut:
		item.Put.RequestBody = op.request
	case http.MethodPatch:
		item.Patch.RequestBody = op.request
	}
}

// requestBody describes a body of the named schema in each of the media types.
func requestBody(schema string, mediaTypes ...string) *huma.RequestBody {
	content := map[string]*huma.MediaType{}
	for _, m := range mediaTypes {
		content[m] = &huma.MediaType{Schema: ref(schema)}
	}
	return &huma.RequestBody{Required: true, Content: content, Description: "In one of " + strings.Join(mediaTypes, ", ")}
}
