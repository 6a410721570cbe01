//go:build unix

// Package pgtest gives tests a real Postgres: one private server per test
// process, one empty database per test. Nothing is faked and nothing is
// skipped: where Postgres is not installed the test fails and says what to
// install.
//
// The server runs from the newest binaries that Debian's packages or the PATH
// offer, as user postgres when the test runs as root, listens on a socket in a
// temporary directory only, and ends with the test process, however that ends.
//
// Its defaults are on purpose not those of a developer's machine: another
// collation than "C" and another time zone than UTC.
package pgtest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/url"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// URL returns the URL of a new, empty database on the server that all tests of
// this process share.
func URL(t testing.TB) string {
	t.Helper()
	c, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return c.Database(t)
}

// A Cluster is one running server.
type Cluster struct {
	dir       string // of the socket and the data
	watcher   *exec.Cmd
	watched   io.WriteCloser // the watcher does what is written, and ends the server when it is closed
	answers   *bufio.Reader  // what the watcher has done
	databases atomic.Int64
}

// Database makes a new, empty database and returns its URL.
func (c *Cluster) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", c.databases.Add(1))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.url("postgres"))
	if err != nil {
		t.Fatalf("pgtest: %v%s", err, c.log())
	}
	defer func() { _ = conn.Close(ctx) }() // it has done its work
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		t.Fatalf("pgtest: %v%s", err, c.log())
	}
	t.Logf("pgtest: %s is %s", name, t.Name())
	return c.url(name)
}

func (c *Cluster) url(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, "not-asked-for"), Path: "/" + database,
		RawQuery: url.Values{"host": {c.dir}, "port": {"5432"}}.Encode(),
	}
	return u.String()
}

// log returns the end of the server's log for a failure's text.
func (c *Cluster) log() string {
	lines := strings.Split(strings.TrimSpace(readFile(c.dir+"/log")), "\n")
	return "\nserver log:\n" + strings.Join(lines[max(0, len(lines)-20):], "\n")
}
