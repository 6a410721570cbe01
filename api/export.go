package api

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"b2bua/cdr"
)

const (
	mediaCSV   = "text/csv; charset=utf-8; header=present" // RFC 4180 §3
	mediaJSONL = "application/jsonl"

	exportBuffer = 64 << 10
	exportStall  = 30 * time.Second // a client that takes nothing for this long is cut
)

// streamOutput is an answer that its own function writes.
type streamOutput struct{ Body func(huma.Context) }

func (a *api) exportCDRs(ctx context.Context, in *exportCDRsInput) (*streamOutput, error) {
	return &streamOutput{Body: func(hctx huma.Context) {
		_, w := humachi.Unwrap(hctx)
		select {
		case a.exports <- struct{}{}:
			defer func() { <-a.exports }()
			a.export(ctx, w, in)
		default:
			a.cfg.Own.refused.WithLabelValues("busy").Inc()
			p := newProblem(CodeBusy, "%d exports are running, which is the most at the same time", cap(a.exports))
			p.retryAfter = "10"
			writeProblem(w, p)
		}
	}}, nil
}

// export streams the records to w, or cuts the connection.
func (a *api) export(ctx context.Context, w http.ResponseWriter, in *exportCDRsInput) {
	e := newExport(w, in.Format)
	err := a.cfg.CDRs.ExportCDRs(ctx, cdr.Query{
		From: in.From, To: in.To, Caller: in.Caller, Called: in.Called, InboundTrunk: in.InboundTrunk, OutboundTrunk: in.OutboundTrunk,
		Answered: optionalBool(in.Answered),
	}, e.write)
	if err == nil {
		err = e.finish()
	}
	if err == nil {
		return
	}
	if !e.begun {
		writeProblem(w, a.problem(ctx, err))
		return
	}
	a.cfg.Logger.WarnContext(ctx, "api: export cut", "records", e.records, "error", err)
	panic(http.ErrAbortHandler) // the client must see that it is not whole
}

// export writes records to one client. Nothing is sent before the first
// record, so that a failure until then still has a status of its own.
type export struct {
	w       http.ResponseWriter
	control *http.ResponseController
	buf     *bufio.Writer
	csv     bool
	begun   bool // the status has been sent
	records int
}

func newExport(w http.ResponseWriter, format string) *export {
	e := &export{w: w, control: http.NewResponseController(w), csv: format == "csv"}
	e.buf = bufio.NewWriterSize(deadlined{e}, exportBuffer)
	return e
}

func (e *export) begin() error {
	if e.begun {
		return nil
	}
	e.begun = true
	name := "cdrs.jsonl"
	e.w.Header().Set("Content-Type", mediaJSONL)
	if e.csv {
		name = "cdrs.csv"
		e.w.Header().Set("Content-Type", mediaCSV)
	}
	e.w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
	e.w.WriteHeader(http.StatusOK)
	if !e.csv {
		return nil
	}
	return cdr.WriteCSVHeader(e.buf)
}

func (e *export) write(r *cdr.Record) error {
	if err := e.begin(); err != nil {
		return err
	}
	e.records++
	if e.csv {
		return cdr.WriteCSV(e.buf, r)
	}
	return cdr.WriteJSONL(e.buf, r)
}

func (e *export) finish() error {
	if err := e.begin(); err != nil {
		return err
	}
	return e.buf.Flush()
}

// deadlined moves the connection's write deadline on with every buffer: an
// export may take long, but not stand still.
type deadlined struct{ *export }

func (d deadlined) Write(b []byte) (int, error) {
	// A writer without deadlines is a test's.
	_ = d.control.SetWriteDeadline(time.Now().Add(exportStall))
	return d.w.Write(b)
}
