package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// object is a JSON object.
type object map[string]any

// policy writes the smallest policy that routes a call, over the REST API: two
// trunks and a route.
func (d *Demo) policy(ctx context.Context) error {
	gateway := func(p *phone) []object { return []object{{"uri": "sip:" + p.addr().String()}} }
	for _, step := range []struct {
		path string
		body object
	}{
		{"/v1/trunks", object{"name": "alice", "sources": []string{"127.0.0.1/32"}, "gateways": gateway(d.alice)}},
		{"/v1/trunks", object{"name": "bob", "gateways": gateway(d.bob)}},
		{"/v1/routes", object{"name": "everything", "match": object{"called_prefix": ""}, "targets": []object{{"trunk": "bob"}}}},
	} {
		if _, err := d.api(ctx, http.MethodPost, step.path, step.body); err != nil {
			return err
		}
	}
	return nil
}

func (d *Demo) api(ctx context.Context, method, path string, body any) ([]byte, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, d.opt.API+path, bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+d.opt.Token)
	req.Header.Set("Content-Type", "application/json")
	res, err := d.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	out, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, res.Status, out)
	}
	return out, err
}

// live prints the call as the API shows it while it is up, in one line.
func (d *Demo) live(ctx context.Context) error {
	raw, err := d.api(ctx, http.MethodGet, "/v1/calls", nil)
	if err != nil {
		return err
	}
	var page struct {
		Items []struct {
			Caller   string     `json:"caller"`
			Called   string     `json:"called"`
			Inbound  string     `json:"inbound_trunk"`
			Outbound string     `json:"outbound_trunk"`
			Answered *time.Time `json:"answered_at"`
		}
	}
	if err := json.Unmarshal(raw, &page); err != nil {
		return err
	}
	if len(page.Items) != 1 || page.Items[0].Answered == nil {
		return fmt.Errorf("GET /v1/calls does not show the one call that is up: %s", raw)
	}
	c := page.Items[0]
	d.ladder.say("%*s  GET /v1/calls: %s -> %s, trunk %s -> %s, answered %s\n", margin-2, "",
		c.Caller, c.Called, c.Inbound, c.Outbound, c.Answered.Format("15:04:05.000"))
	return nil
}

// record prints the newest CDR. It is in the store a moment after the call.
func (d *Demo) record(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		raw, err := d.api(ctx, http.MethodGet, "/v1/cdrs?limit=1", nil)
		if err != nil {
			return err
		}
		var page struct{ Items []json.RawMessage }
		if err := json.Unmarshal(raw, &page); err != nil {
			return err
		}
		if len(page.Items) > 0 {
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, page.Items[0], "", "  "); err != nil {
				return err
			}
			d.ladder.say("\nThe record (GET /v1/cdrs):\n%s\n", pretty.Bytes())
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.New("no record came")
		}
	}
}
