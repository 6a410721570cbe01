package sipmsg_test

import (
	"bytes"
	"sync"
	"testing"

	"b2bua/legs/sipmsg"
)

// TestChangedCopies: what is made from a message is changed freely, by several at
// once, and the message stays as it was. It fails under -race when a copy shares
// anything that a change writes to.
func TestChangedCopies(t *testing.T) {
	m := mustParse(t, carrierINVITE)
	want := mustBytes(t, m)
	body := bytes.Clone(m.Body)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				r := sipmsg.NewResponse(m, 200, "", "ours")
				r.Headers = append(r.Headers, sipmsg.Header{Name: "Server", Value: "x"})
				r.Contacts = append(r.Contacts, sipmsg.Address{Raw: "<sip:x@h>"})
				r.From = r.From.WithTag("other")
				r.To.Params = r.To.Params.With("x", "y")
				r.ContentType, r.Body = "text/plain", append([]byte(nil), "body"...)

				request := *m
				request.Method, request.MaxForwards, request.Body = "BYE", 1, nil
				request.Vias = append(request.Vias, sipmsg.Via{Raw: "SIP/2.0/UDP h"})
				request.Headers = append(request.Headers[:1:1], sipmsg.Header{Name: "Reason", Value: "x"})
				request.URI.User, request.RequestURI = "changed", ""
				for _, made := range []*sipmsg.Message{r, &request} {
					if b, err := made.Bytes(); err != nil || string(b) == want {
						t.Errorf("%v\n%s", err, b)
						return
					}
				}
			}
		})
	}
	for range 50 {
		equal(t, "while copies are changed", mustBytes(t, m), want)
	}
	wg.Wait()
	equal(t, "afterwards", mustBytes(t, m), want)
	equal(t, "body", string(m.Body), string(body))
}

// TestAppendsDoNotMeet: two who append to the lists of one message do not write
// over one another.
func TestAppendsDoNotMeet(t *testing.T) {
	m := mustParse(t, options("Record-Route: <sip:a>, <sip:b>, <sip:c>", "Route: <sip:a>, <sip:b>, <sip:c>", "Contact: <sip:a>, <sip:b>, <sip:c>"))
	room := map[string]int{
		"Vias": cap(m.Vias) - len(m.Vias), "Contacts": cap(m.Contacts) - len(m.Contacts),
		"Routes": cap(m.Routes) - len(m.Routes), "RecordRoutes": cap(m.RecordRoutes) - len(m.RecordRoutes),
		"Headers": cap(m.Headers) - len(m.Headers),
	}
	for name, n := range room {
		if n != 0 {
			t.Errorf("%s: room for %d more, which every appender would use", name, n)
		}
	}
}
