package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"b2bua/cdr"
)

type (
	listCallsInput struct {
		Caller        string `query:"caller" doc:"Exact digits"`
		Called        string `query:"called" doc:"Exact digits"`
		InboundTrunk  string `query:"inbound_trunk" doc:"Name"`
		OutboundTrunk string `query:"outbound_trunk" doc:"Name"`
		Answered      string `query:"answered" enum:"true,false" doc:"Left out: both"`
		Cursor        string `query:"cursor" maxLength:"512" doc:"next_cursor of the page before; left out for the first page"`
		Limit         int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	}

	callInput struct {
		ID string `path:"id" maxLength:"64" doc:"call_id"`
	}

	hangupInput struct {
		ID   string         `path:"id" maxLength:"64" doc:"call_id"`
		Body *hangupRequest `doc:"May be left out"`
	}

	// hangupRequest has nothing to say yet.
	hangupRequest struct{}
)

func (a *api) registerCalls() {
	register(a, operation{
		method: http.MethodGet, path: "/v1/calls", id: "list-calls", tag: "calls", summary: "List the calls in progress, newest first",
		description: "A call is a record that has not ended: the figures are those so far.",
	}, a.listCalls)
	register(a, operation{
		method: http.MethodGet, path: "/v1/calls/{id}", id: "get-call", tag: "calls", summary: "Read a call in progress",
		codes: []Code{CodeNotFound},
	}, a.getCall)
	register(a, operation{
		method: http.MethodPost, path: "/v1/calls/{id}/actions/hangup", id: "hangup-call", tag: "calls", summary: "Hang up",
		description: "BYE or CANCEL is on its way to both sides when the answer is sent; the record appears under /v1/cdrs when the call has ended.",
		status:      http.StatusAccepted, reads: true, codes: []Code{CodeNotFound},
	}, a.hangupCall)
}

func (a *api) listCalls(ctx context.Context, in *listCallsInput) (*output[page[cdr.Record]], error) {
	var from position
	if in.Cursor != "" {
		var ok bool
		if from, ok = parsePosition(in.Cursor); !ok {
			return nil, badCursor(in.Cursor)
		}
	}
	live, err := a.cfg.Calls.List(ctx)
	if err != nil {
		return nil, err
	}
	var items []cdr.Record
	for _, r := range live {
		if in.selects(&r) && (in.Cursor == "" || from.after(positionOf(&r))) {
			items = append(items, r)
		}
	}
	slices.SortFunc(items, func(x, y cdr.Record) int {
		if c := y.StartedAt.Compare(x.StartedAt); c != 0 {
			return c
		}
		return strings.Compare(y.CallID, x.CallID)
	})
	next := ""
	if len(items) > in.Limit {
		items = items[:in.Limit]
		next = positionOf(&items[in.Limit-1]).cursor()
	}
	return &output[page[cdr.Record]]{newPage(items, next)}, nil
}

func positionOf(r *cdr.Record) position { return position{r.StartedAt, r.CallID} }

func (in *listCallsInput) selects(r *cdr.Record) bool {
	is := func(want string, got *string) bool { return want == "" || (got != nil && *got == want) }
	return is(in.Caller, &r.Caller) && is(in.Called, &r.Called) &&
		is(in.InboundTrunk, r.InboundTrunk) && is(in.OutboundTrunk, r.OutboundTrunk) &&
		(in.Answered == "" || (in.Answered == "true") == (r.AnsweredAt != nil))
}

func (a *api) getCall(ctx context.Context, in *callInput) (*output[cdr.Record], error) {
	r, err := a.cfg.Calls.Get(ctx, in.ID)
	if err != nil {
		return nil, callProblem(in.ID, err)
	}
	return &output[cdr.Record]{r}, nil
}

func (a *api) hangupCall(ctx context.Context, in *hangupInput) (*struct{}, error) {
	return nil, callProblem(in.ID, a.cfg.Calls.Hangup(ctx, in.ID))
}

// callProblem says where to look when there is no such call; other errors, and
// nil, stay what they are.
func callProblem(id string, err error) error {
	if !errors.Is(err, cdr.ErrNotFound) {
		return err
	}
	return newProblem(CodeNotFound, "no such call is in progress; the record of one that has ended is at /v1/cdrs/%s", url.PathEscape(id))
}
