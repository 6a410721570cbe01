package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"b2bua/cdr"
	"b2bua/internal/pgtest"
	"b2bua/store"
)

// SQLite's file is found under odd names, is for its owner only, and every
// connection is set up for durability.
func TestOpenSQLite(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new dir", "ü?#%&=+")
	s := open(t, "sqlite://"+strings.NewReplacer("%", "%25", "?", "%3F", "#", "%23").Replace(dir)+"/b2bua.db")
	save(t, s, record(1))
	for path, want := range map[string]os.FileMode{
		dir: 0o700, filepath.Dir(dir): 0o700, dir + "/b2bua.db": 0o600, dir + "/b2bua.db-wal": 0o600,
	} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v, want %v", path, info, err, want)
		}
	}
	writer, reader := s.Pools()
	for name, db := range map[string]*sql.DB{"writer": writer, "reader": reader} {
		for pragma, want := range map[string]string{
			"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000",
			"query_only": map[string]string{"writer": "0", "reader": "1"}[name],
		} {
			var got string
			if err := db.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s: %s is %s, want %s (%v)", name, pragma, got, want, err)
			}
		}
	}
}

func TestOpenRelative(t *testing.T) {
	t.Chdir(t.TempDir())
	save(t, open(t, "sqlite://data/b2bua.db"), record(1))
	if _, err := os.Stat("data/b2bua.db"); err != nil {
		t.Error(err)
	}
}

// What cannot work is told in words, without the URL's secrets, in every text
// that the error has.
func TestOpenErrorsKeepSecrets(t *testing.T) {
	t.Parallel()
	closed := closedPort(t)
	const secret = "hunter2"
	for url, unavailable := range map[string]bool{
		"": false, "b2bua.db": false, "sqlite://": false,
		"mysql://user:" + secret + "@host/db":                                         false,
		"postgres://user:" + secret + "@" + closed + "/db":                            true,
		"postgres://user:pa" + secret + "%20ss@" + closed + "/db":                     true,
		"postgres://user@" + closed + "/db?password=" + secret:                        true,
		"postgres://user:" + secret + "#x@" + closed + "/db":                          false,
		"postgres://user:" + secret + " x@" + closed + "/db":                          false,
		"postgres://user:" + secret + "%zz@" + closed + "/db":                         false,
		"postgres://user:" + secret + "@host:port/db":                                 false,
		"postgres://user:" + secret + "@" + closed + "/db?sslmode=sometimes":          false,
		"postgres://user:" + secret + "@" + closed + "/db?sslcert=/no&sslkey=/no":     false,
		"postgres://user:" + secret + "@" + closed + "/db?connect_timeout=" + secret:  false,
		"postgres://user:" + secret + "@" + closed + "/db?application_name=" + secret: true,
	} {
		s, err := store.Open(t.Context(), url, store.Options{})
		if err == nil {
			t.Errorf("%s: opened", url)
			s.Close()
			continue
		}
		if errors.Is(err, store.ErrUnavailable) != unavailable {
			t.Errorf("%s: %v; is it ErrUnavailable?", url, err)
		}
		for _, text := range texts(err) {
			if strings.Contains(text, secret) {
				t.Errorf("%s: the error tells the password: %s", url, text)
			}
		}
	}
}

// texts returns every text that an error and its causes have.
func texts(err error) (all []string) {
	all = []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%q", err)}
	switch e := err.(type) { //nolint:errorlint // one step at a time
	case interface{ Unwrap() error }:
		if next := e.Unwrap(); next != nil {
			all = append(all, texts(next)...)
		}
	case interface{ Unwrap() []error }:
		for _, next := range e.Unwrap() {
			all = append(all, texts(next)...)
		}
	}
	return all
}

// closedPort returns an address where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Offline: a process starts while the database is away, is told so by every
// call, and works once it is there, schema included.
func TestOpenOffline(t *testing.T) {
	t.Parallel()
	there, err := url.Parse(pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	socketDir := there.Query().Get("host")
	away, err := os.MkdirTemp("", "away") //nolint:usetesting // short: a socket's path is limited
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(away) }) //nolint:errcheck // a temporary directory
	there.RawQuery = url.Values{"host": {away}, "port": {"5432"}}.Encode()

	if _, err := store.Open(t.Context(), there.String(), store.Options{}); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("without Offline: %v", err)
	}
	if _, err := store.Open(t.Context(), "postgres://host:port/", store.Options{Offline: true}); err == nil {
		t.Error("a URL that can never work is accepted")
	}
	s, err := store.Open(t.Context(), there.String(), store.Options{Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.LoadPolicy(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("LoadPolicy: %v", err)
	}
	if err := s.SaveCDRs(t.Context(), []cdr.Record{record(1)}); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, cdr.ErrBadRecord) {
		t.Errorf("SaveCDRs: %v", err)
	}
	const socket = "/.s.PGSQL.5432"
	if err := os.Symlink(socketDir+socket, away+socket); err != nil {
		t.Fatal(err)
	}
	save(t, s, record(1))
	if _, err := s.LoadPolicy(t.Context()); err != nil {
		t.Error(err)
	}
}

// A database that hangs is unavailable at the deadline, and what was not
// confirmed can be saved again.
func TestHungDatabase(t *testing.T) {
	t.Parallel()
	s := open(t, pgtest.URL(t))
	db, _ := s.Pools()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "LOCK TABLE cdrs IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := s.SaveCDRs(ctx, []cdr.Record{record(1)}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("SaveCDRs: %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	save(t, s, record(1))
}
