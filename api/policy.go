package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/negotiation"

	"b2bua/policy"
)

type (
	readPolicyInput struct{ body }

	replacePolicyInput struct {
		body
		DryRun bool `query:"dry_run" doc:"Check it and tell what it would change, and change nothing"`
	}

	replacePolicyOutput struct{ Body replacedPolicy }
	explainInput        struct{ Body simulatedCall }
)

// replacedPolicy is the answer to a new policy document.
type replacedPolicy struct {
	Revision int64       `json:"revision" doc:"Of the policy now in force"`
	DryRun   bool        `json:"dry_run"`
	Diff     policy.Diff `json:"diff"`
}

// simulatedCall is the call that explain decides on.
type simulatedCall struct {
	Source       string    `json:"source" doc:"ip:port or ip the INVITE comes from"`
	Transport    string    `json:"transport,omitempty" enum:"udp,tcp,tls,ws,wss" default:"udp"`
	Listener     string    `json:"listener,omitempty" default:"" doc:"URL of the listener it comes in on; empty leaves it open"`
	Network      string    `json:"network,omitempty" default:"default" doc:"Network of that listener"`
	TLSSubject   string    `json:"tls_subject,omitempty" default:"" doc:"Subject of the client's certificate"`
	InboundTrunk string    `json:"inbound_trunk,omitempty" default:"" doc:"Name of the trunk it comes from; empty finds it by the source"`
	Caller       string    `json:"caller,omitempty" default:"" doc:"User part of From or of the asserted identity"`
	Called       string    `json:"called" doc:"User part of the Request-URI"`
	At           time.Time `json:"at,omitzero" doc:"When it arrives; left out: now"`
	Random       int64     `json:"random,omitempty" default:"0" minimum:"0" doc:"What weights draw from; the same number gives the same plan"`
}

func (a *api) registerPolicy() {
	register(a, operation{
		method: http.MethodGet, path: pathPolicy, id: "get-policy", tag: "policy", summary: "Read the whole policy as one document",
		description: "As YAML when Accept asks for application/yaml.",
		response:    map[string]*huma.Schema{mediaJSON: ref("Policy"), mediaYAML: ref("PolicyInput")},
	}, a.readPolicy)
	register(a, operation{
		method: http.MethodPut, path: pathPolicy, id: "put-policy", tag: "policy", summary: "Replace the whole policy",
		description: "All of it or nothing: a document with a fault is refused with every fault, and the policy in force stays. " +
			"Objects keep their ids by id or by name. A document with the revision of an older policy is refused: " +
			"it would undo what others have changed. Leave revision out to put it in force all the same, as with a backup.",
		request: requestBody("PolicyInput", mediaJSON, mediaYAML), codes: []Code{CodeConflict, CodeInvalidPolicy},
	}, a.replacePolicy)
	register(a, operation{
		method: http.MethodPost, path: pathPolicy + "/explain", id: "explain-policy", tag: "policy",
		summary:     "Explain where a simulated call would go",
		description: "Decided by the same function as a live call, with every candidate and why it won or lost. No call is made.",
		reads:       true,
	}, a.explain)
}

func (a *api) readPolicy(ctx context.Context, in *readPolicyInput) (*streamOutput, error) {
	set, err := a.cfg.Policy.Set(ctx)
	if err != nil {
		return nil, err
	}
	mediaType := negotiation.SelectQValueFast(in.request.Header.Get("Accept"), []string{mediaJSON, mediaYAML, "text/yaml", "application/x-yaml"})
	var out []byte
	if mediaType == "" || mediaType == mediaJSON {
		mediaType = mediaJSON
		out, err = json.Marshal(set)
	} else {
		out, err = policy.FormatYAML(set)
	}
	if err != nil {
		return nil, err
	}
	return &streamOutput{Body: func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", mediaType)
		// The client may be gone; there is nobody left to tell.
		_, _ = ctx.BodyWriter().Write(out)
	}}, nil
}

func (a *api) replacePolicy(ctx context.Context, in *replacePolicyInput) (*replacePolicyOutput, error) {
	raw, mediaType, err := in.read(mediaJSON, mediaYAML)
	if err != nil {
		return nil, err
	}
	parse := policy.ParseJSON
	if mediaType == mediaYAML {
		parse = policy.ParseYAML
	}
	set, err := parse(raw)
	if err != nil {
		return nil, misread(err, inDocument)
	}
	diff, stored, err := a.cfg.Policy.Replace(ctx, set, in.DryRun)
	if faults, ok := errors.AsType[*policy.FaultError](err); ok {
		return nil, faultProblem(CodeInvalidPolicy, faults.Faults, places(set))
	}
	if err != nil {
		return nil, err
	}
	return &replacePolicyOutput{replacedPolicy{Revision: stored.Revision, DryRun: in.DryRun, Diff: diff}}, nil
}

func (a *api) explain(_ context.Context, in *explainInput) (*output[policy.Explanation], error) {
	q, err := in.Body.query(a.cfg.Now())
	if err != nil {
		return nil, err
	}
	return &output[policy.Explanation]{a.cfg.Policy.Explain(q)}, nil
}

// query is the call as policy decides on it.
func (c simulatedCall) query(now time.Time) (policy.Query, error) {
	source, err := netip.ParseAddrPort(c.Source)
	if err != nil {
		addr, err := netip.ParseAddr(c.Source)
		if err != nil {
			p := newProblem(CodeInvalidRequest, "the source is no address")
			p.Errors = []FieldError{{
				Location: "body.source", Message: "must be ip:port or ip, such as 127.0.0.1:5061 or [2001:db8::1]:5060", Value: shown(c.Source),
			}}
			return policy.Query{}, p
		}
		source = netip.AddrPortFrom(addr, 0)
	}
	if c.At.IsZero() {
		c.At = now
	}
	return policy.Query{
		Source: policy.Source{
			Addr: source, Listener: c.Listener, Network: c.Network, Transport: c.Transport, TLSSubject: c.TLSSubject,
		},
		InboundTrunk: c.InboundTrunk,
		Caller:       c.Caller,
		Called:       c.Called,
		At:           c.At,
		Random:       uint64(c.Random),
	}, nil
}
