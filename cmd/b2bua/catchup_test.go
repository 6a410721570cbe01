package main

import (
	"errors"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"b2bua/internal/pgtest"
	"b2bua/internal/siptest"
)

// A gate is a way to a database that can be shut.
type gate struct {
	open   atomic.Bool
	socket string
	front  net.Listener
	wg     sync.WaitGroup
}

// newGate stands before the database of a URL with a Unix socket, and returns
// the URL through it.
func newGate(t *testing.T, databaseURL string) (g *gate, through string) {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	g = &gate{socket: filepath.Join(q.Get("host"), ".s.PGSQL."+q.Get("port"))}
	if g.front, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	q.Del("host")
	q.Del("port")
	q.Set("sslmode", "disable")
	u.Host, u.RawQuery = g.front.Addr().String(), q.Encode()
	g.wg.Go(g.accept)
	t.Cleanup(func() {
		_ = g.front.Close()
		g.wg.Wait()
	})
	return g, u.String()
}

func (g *gate) accept() {
	for {
		in, err := g.front.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if !g.open.Load() {
			_ = in.Close()
			continue
		}
		out, err := net.Dial("unix", g.socket)
		if err != nil {
			_ = in.Close()
			continue
		}
		pipe := func(to, from net.Conn) {
			_, _ = io.Copy(to, from)
			_ = to.Close()
			_ = from.Close()
		}
		g.wg.Go(func() { pipe(out, in) })
		g.wg.Go(func() { pipe(in, out) })
	}
}

// A server that has started on the kept policy takes the stored one when the
// database is back, without being told.
func TestCatchUp(t *testing.T) {
	t.Parallel()
	g, databaseURL := newGate(t, pgtest.URL(t))
	g.open.Store(true)
	dir := t.TempDir()
	cfg := demoConfig(dir)
	cfg.Database.URL = databaseURL
	s := started(t, cfg)
	route(clientOf(t, s), siptest.New(t, "127.0.0.1:0"))
	if err := s.shutdown(); err != nil {
		t.Fatal(err)
	}

	elsewhere := demoConfig(t.TempDir()) // another node changes the policy meanwhile
	elsewhere.Database.URL = databaseURL
	other := started(t, elsewhere)
	clientOf(t, other).must("DELETE", "/v1/routes/everything", "")
	if err := other.shutdown(); err != nil {
		t.Fatal(err)
	}

	g.open.Store(false)
	p := serving(t, cfg)
	if routes := p.api.must("GET", "/v1/routes", ""); !strings.Contains(routes, "everything") {
		t.Errorf("the kept policy has no route: %s", routes)
	}
	g.open.Store(true)
	p.await("the database is back")
	if routes := p.api.must("GET", "/v1/routes", ""); strings.Contains(routes, "everything") {
		t.Errorf("the stored policy is not in force: %s", routes)
	}
}
