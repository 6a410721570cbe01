package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
	"github.com/google/uuid"
)

// A Code says what went wrong in one word that never changes its meaning.
// Clients switch on it, not on texts.
type Code string

// The codes of every problem this API answers with.
const (
	CodeBusy             Code = "busy"
	CodeConflict         Code = "conflict"
	CodeInternal         Code = "internal"
	CodeInvalidPolicy    Code = "invalid_policy"
	CodeInvalidRequest   Code = "invalid_request"
	CodeMalformedBody    Code = "malformed_body"
	CodeMethodNotAllowed Code = "method_not_allowed"
	CodeNotFound         Code = "not_found"
	CodeNotReady         Code = "not_ready"
	CodeTimeout          Code = "timeout"
	CodeTooLarge         Code = "too_large"
	CodeUnauthorized     Code = "unauthorized"
	CodeUnavailable      Code = "unavailable"
	CodeUnsupportedMedia Code = "unsupported_media_type"
)

// meaning is what a code always says: its HTTP status and its title.
type meaning struct {
	status int
	title  string
}

func (c Code) meaning() meaning {
	switch c {
	case CodeBusy:
		return meaning{http.StatusServiceUnavailable, "Too many requests of this kind are being served"}
	case CodeConflict:
		return meaning{http.StatusConflict, "The request conflicts with what is stored"}
	case CodeInvalidPolicy:
		return meaning{http.StatusUnprocessableEntity, "The policy would not compile"}
	case CodeInvalidRequest:
		return meaning{http.StatusUnprocessableEntity, "The request does not match its schema"}
	case CodeMalformedBody:
		return meaning{http.StatusBadRequest, "The body cannot be read"}
	case CodeMethodNotAllowed:
		return meaning{http.StatusMethodNotAllowed, "The method is not allowed here"}
	case CodeNotFound:
		return meaning{http.StatusNotFound, "There is no such thing"}
	case CodeNotReady:
		return meaning{http.StatusServiceUnavailable, "The server is not ready for calls"}
	case CodeTimeout:
		return meaning{http.StatusServiceUnavailable, "The request took too long"}
	case CodeTooLarge:
		return meaning{http.StatusRequestEntityTooLarge, "The body is too large"}
	case CodeUnauthorized:
		return meaning{http.StatusUnauthorized, "A valid bearer token is required"}
	case CodeUnavailable:
		return meaning{http.StatusServiceUnavailable, "The database cannot be used for now"}
	case CodeUnsupportedMedia:
		return meaning{http.StatusUnsupportedMediaType, "The body has a media type that is not accepted here"}
	default:
		return meaning{http.StatusInternalServerError, "The server failed"}
	}
}

// Schema lists the codes in the OpenAPI document.
func (Code) Schema(huma.Registry) *huma.Schema {
	codes := []Code{
		CodeBusy, CodeConflict, CodeInternal, CodeInvalidPolicy, CodeInvalidRequest, CodeMalformedBody, CodeMethodNotAllowed,
		CodeNotFound, CodeNotReady, CodeTimeout, CodeTooLarge, CodeUnauthorized, CodeUnavailable, CodeUnsupportedMedia,
	}
	s := &huma.Schema{Type: huma.TypeString, Description: "Stable; switch on this:\n"}
	for _, c := range codes {
		m := c.meaning()
		s.Enum = append(s.Enum, string(c))
		s.Description += "\n- `" + string(c) + "` (" + strconv.Itoa(m.status) + "): " + m.title
	}
	return s
}

// A Problem is the body of every answer that is not a success (RFC 9457).
type Problem struct {
	Status   int          `json:"status" doc:"The HTTP status"`
	Code     Code         `json:"code"`
	Title    string       `json:"title" doc:"What the code means, always the same text"`
	Detail   string       `json:"detail" doc:"What went wrong this time"`
	Instance string       `json:"instance,omitempty" doc:"Of code internal only: the id under which the cause is logged"`
	Errors   []FieldError `json:"errors,omitempty" nullable:"false" doc:"Every single fault, where there may be several"`

	retryAfter string // seconds, for the header; empty sends none
}

// A FieldError is one fault of a request.
type FieldError struct {
	Location string `json:"location" doc:"Such as body.gateways[0].uri, query.limit or policy.routes[everything].targets"`
	Message  string `json:"message"`
	Value    string `json:"value,omitempty" doc:"What was found there"`
}

func newProblem(code Code, format string, args ...any) *Problem {
	m := code.meaning()
	return &Problem{Status: m.status, Code: code, Title: m.title, Detail: fmt.Sprintf(format, args...)}
}

// Error returns the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus makes a Problem the response of a huma handler that returns it.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders makes huma send the headers that go with a Problem.
func (p *Problem) GetHeaders() http.Header {
	if p.retryAfter == "" {
		return nil
	}
	return http.Header{"Retry-After": {p.retryAfter}}
}

// ContentType makes huma answer with the media type of RFC 9457 §3.
func (p *Problem) ContentType(string) string { return problemMediaType }

const problemMediaType = "application/problem+json"

// writeProblem answers outside of a huma handler.
func writeProblem(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", problemMediaType)
	maps.Copy(w.Header(), p.GetHeaders())
	w.WriteHeader(p.Status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(p) // the client may be gone
}

// problem maps what a service returned to what the client is told. An error
// that nobody foresaw is logged under an id and told by that id only.
func (a *api) problem(ctx context.Context, err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if p := serviceProblem(err); p != nil {
		return p
	}
	if a.cfg.Unavailable != nil && errors.Is(err, a.cfg.Unavailable) {
		a.cfg.Logger.WarnContext(ctx, "api: database unavailable", "error", err)
		p := newProblem(CodeUnavailable, "calls go on; try again later")
		p.retryAfter = "5"
		return p
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return newProblem(CodeTimeout, "it was given up after %s", a.cfg.RequestTimeout)
	}
	p := newProblem(CodeInternal, "the cause is in the server's log")
	p.Instance = "urn:uuid:" + uuid.NewString()
	a.cfg.Logger.ErrorContext(ctx, "api: request failed", "instance", p.Instance, "error", err)
	return p
}

// fromHuma turns the errors that huma makes itself, for parameters, into
// problems. It is a huma transformer: v is whatever is about to be sent.
func fromHuma(_ huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	code := CodeInternal
	switch m.Status {
	case http.StatusBadRequest:
		code = CodeMalformedBody
	case http.StatusRequestTimeout:
		code = CodeTimeout
	case http.StatusRequestEntityTooLarge:
		code = CodeTooLarge
	case http.StatusUnsupportedMediaType:
		code = CodeUnsupportedMedia
	case http.StatusUnprocessableEntity:
		code = CodeInvalidRequest
	}
	p := newProblem(code, "%s", m.Detail)
	p.Status = m.Status // huma has decided on it
	for _, e := range m.Errors {
		p.Errors = append(p.Errors, fieldError(e))
	}
	slices.SortStableFunc(p.Errors, func(x, y FieldError) int { return strings.Compare(x.Location, y.Location) })
	if len(p.Errors) == 1 {
		p.Detail = p.Errors[0].Location + ": " + p.Errors[0].Message
	}
	return p, nil
}

// fieldError is huma's error in the words of this API, where huma's are about
// Go or point at the object around the property.
func fieldError(e *huma.ErrorDetail) FieldError {
	out := FieldError{Location: e.Location, Message: e.Message, Value: shown(e.Value)}
	if rest, ok := strings.CutPrefix(e.Message, "expected required property "); ok {
		name, _, _ := strings.Cut(rest, " ")
		out.Location += "." + name
		out.Message = "is required"
	}
	if strings.HasPrefix(e.Message, "invalid date/time") || e.Message == validation.MsgExpectedRFC3339DateTime {
		out.Message = "must be a time such as 2026-03-01T12:00:00Z (RFC 3339)"
	}
	return out
}

// shown is a scalar as the client sent it, cut to a length that a log line or
// a dialog can carry; empty for anything else.
func shown(v any) string {
	const most = 100
	switch v.(type) {
	case nil, map[string]any, []any:
		return ""
	}
	s := fmt.Sprint(v)
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
