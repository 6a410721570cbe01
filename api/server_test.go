package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestServerServesUntilStop(t *testing.T) {
	t.Parallel()
	s := NewServer("127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }), nil)
	if s.Addr() != nil {
		t.Error("an address before Start")
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := get(t, s); got != "hello" {
		t.Errorf("got %q", got)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("second Stop: %v", err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := client().Do(req); err == nil {
		resp.Body.Close()
		t.Error("it still answers")
	}
}

// client leaves no connection behind.
func client() *http.Client { return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} }

func get(t *testing.T, s *Server) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestServerNamesTheAddressInUse(t *testing.T) {
	t.Parallel()
	first := NewServer("127.0.0.1:0", http.NotFoundHandler(), nil)
	if err := first.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer first.Stop(t.Context())
	addr := first.Addr().String()
	second := NewServer(addr, http.NotFoundHandler(), nil)
	if err := second.Start(t.Context()); err == nil || !strings.Contains(err.Error(), addr) {
		t.Errorf("error %v, want one that names %s", err, addr)
	}
	if err := second.Stop(t.Context()); err != nil {
		t.Errorf("Stop after a failed Start: %v", err)
	}
}

// A request that does not end is cut, and Stop waits for its handler.
func TestServerStopCutsWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	in, gone := make(chan struct{}), make(chan struct{})
	s := NewServer("127.0.0.1:0", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(in)
		<-r.Context().Done()
		close(gone)
	}), nil)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	asked := make(chan error)
	go func() {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+s.Addr().String(), nil)
		if err == nil {
			var resp *http.Response
			if resp, err = client().Do(req); err == nil {
				resp.Body.Close()
			}
		}
		asked <- err
	}()
	<-in
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Stop(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
	select {
	case <-gone:
	default:
		t.Error("Stop returned while a handler ran")
	}
	if err := <-asked; err == nil {
		t.Error("the cut request had an answer")
	}
}
