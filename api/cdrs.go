package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"b2bua/cdr"
)

type (
	listCDRsInput struct {
		From          time.Time `query:"from" doc:"started_at at or after this"`
		To            time.Time `query:"to" doc:"started_at before this"`
		Caller        string    `query:"caller" doc:"Exact digits"`
		Called        string    `query:"called" doc:"Exact digits"`
		InboundTrunk  string    `query:"inbound_trunk" doc:"Name"`
		OutboundTrunk string    `query:"outbound_trunk" doc:"Name"`
		Answered      string    `query:"answered" enum:"true,false" doc:"Left out: both"`
		Cursor        string    `query:"cursor" maxLength:"512" doc:"next_cursor of the page before; left out for the first page"`
		Limit         int       `query:"limit" minimum:"1" maximum:"500" default:"50"`
	}

	exportCDRsInput struct {
		body
		Format        string    `query:"format" enum:"csv,jsonl" default:"csv"`
		From          time.Time `query:"from" doc:"started_at at or after this"`
		To            time.Time `query:"to" doc:"started_at before this"`
		Caller        string    `query:"caller" doc:"Exact digits"`
		Called        string    `query:"called" doc:"Exact digits"`
		InboundTrunk  string    `query:"inbound_trunk" doc:"Name"`
		OutboundTrunk string    `query:"outbound_trunk" doc:"Name"`
		Answered      string    `query:"answered" enum:"true,false" doc:"Left out: both"`
	}
)

func (a *api) registerCDRs() {
	register(a, operation{
		method: http.MethodGet, path: "/v1/cdrs", id: "list-cdrs", tag: "cdrs", summary: "List the records of ended calls, newest first",
	}, a.listCDRs)
	register(a, operation{
		method: http.MethodGet, path: pathExport, id: "export-cdrs", tag: "cdrs", summary: "Export the records of ended calls, newest first",
		description: "Streamed, without a limit. An export that could not be finished ends with the connection cut, never as if it were whole.",
		response:    map[string]*huma.Schema{mediaCSV: {Type: huma.TypeString}, mediaJSONL: {Type: huma.TypeString}},
		codes:       []Code{CodeBusy},
	}, a.exportCDRs)
	register(a, operation{
		method: http.MethodGet, path: "/v1/cdrs/{id}", id: "get-cdr", tag: "cdrs", summary: "Read the record of an ended call",
		codes: []Code{CodeNotFound},
	}, a.getCDR)
}

func (a *api) listCDRs(ctx context.Context, in *listCDRsInput) (*output[page[cdr.Record]], error) {
	p, err := a.cfg.CDRs.ListCDRs(ctx, cdr.Query{
		From: in.From, To: in.To, Caller: in.Caller, Called: in.Called, InboundTrunk: in.InboundTrunk, OutboundTrunk: in.OutboundTrunk,
		Answered: optionalBool(in.Answered), Cursor: in.Cursor, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	return &output[page[cdr.Record]]{newPage(p.Items, p.NextCursor)}, nil
}

func (a *api) getCDR(ctx context.Context, in *callInput) (*output[cdr.Record], error) {
	r, err := a.cfg.CDRs.GetCDR(ctx, in.ID)
	if errors.Is(err, cdr.ErrNotFound) {
		return nil, newProblem(CodeNotFound, "there is no record of such a call; one in progress is at /v1/calls/%s", url.PathEscape(in.ID))
	}
	if err != nil {
		return nil, err
	}
	return &output[cdr.Record]{r}, nil
}

func optionalBool(s string) *bool {
	if s == "" {
		return nil
	}
	b := s == "true"
	return &b
}
