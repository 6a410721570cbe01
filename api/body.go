package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"b2bua/policy"
)

// Media types of bodies.
const (
	mediaJSON       = "application/json"
	mediaMergePatch = "application/merge-patch+json" // RFC 7396
	mediaYAML       = "application/yaml"             // RFC 9512
	mediaForm       = "application/x-www-form-urlencoded"
)

// body gives a handler the request itself, so that policy can decode the body:
// what is absent, null or unknown means more there than huma can tell. Embed
// it in an input type; huma calls Resolve.
type body struct{ request *http.Request }

// Resolve keeps the request.
func (b *body) Resolve(ctx huma.Context) []error {
	b.request, _ = humachi.Unwrap(ctx)
	return nil
}

var _ huma.Resolver = (*body)(nil)

// read returns the body and its media type, one of the accepted ones. A body
// without a type, or with the one that curl -d gives to anything, is taken for
// what it looks like.
func (b *body) read(accepted ...string) (raw []byte, mediaType string, err error) {
	if h := b.request.Header.Get("Content-Type"); h != "" {
		if mediaType, _, err = mime.ParseMediaType(h); err != nil {
			return nil, "", newProblem(CodeUnsupportedMedia, "the Content-Type cannot be read: %v", err)
		}
	}
	raw, err = io.ReadAll(b.request.Body)
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, "", newProblem(CodeTooLarge, "at most %d bytes are read", tooLarge.Limit)
	}
	if err != nil {
		return nil, "", newProblem(CodeMalformedBody, "it did not arrive whole")
	}
	if !utf8.Valid(raw) {
		return nil, "", newProblem(CodeMalformedBody, "it is not UTF-8")
	}
	switch mediaType {
	case "text/yaml", "application/x-yaml":
		mediaType = mediaYAML
	case "", mediaForm:
		mediaType = mediaJSON
		if slices.Contains(accepted, mediaYAML) && !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
			mediaType = mediaYAML
		}
	}
	if !slices.Contains(accepted, mediaType) {
		return nil, "", newProblem(CodeUnsupportedMedia, "%q is not one of %s", shown(mediaType), strings.Join(accepted, ", "))
	}
	return raw, mediaType, nil
}

// readObject reads a JSON object, and leaves its properties to decode.
func (b *body) readObject(accepted ...string) (json.RawMessage, error) {
	raw, _, err := b.read(accepted...)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
		return nil, newProblem(CodeMalformedBody, "it must be a JSON object")
	}
	return raw, nil
}

// decode decodes a policy object over what out holds: its defaults when it is
// zero, itself when it is a stored one (RFC 7396).
func decode(raw json.RawMessage, out any) error {
	err := json.Unmarshal(raw, out)
	return misread(err, func(f policy.Fault) string { return strings.TrimSuffix("body."+f.Field, ".") })
}

// misread turns the error of a body that cannot be decoded into a problem.
func misread(err error, where func(policy.Fault) string) error {
	if err == nil {
		return nil
	}
	if faults, ok := errors.AsType[*policy.FaultError](err); ok {
		return faultProblem(CodeInvalidRequest, faults.Faults, where)
	}
	return newProblem(CodeMalformedBody, "%s", sentence(err))
}
