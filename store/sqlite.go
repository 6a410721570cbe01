package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"b2bua/migrations"
)

func sqliteDialect() dialect {
	return dialect{
		name:       "sqlite",
		goose:      goose.DialectSQLite3,
		migrations: migrations.SQLite(),
		unnamed:    true,
		time:       func(t time.Time) any { return t.UnixMicro() },
		classify:   classifySQLite,
	}
}

// openSQLite opens the file with one connection that writes and some that
// read: in WAL mode readers and the writer do not wait for each other.
func (s *Store) openSQLite(rawURL string, conns int) error {
	path, err := sqlitePath(rawURL)
	if err != nil {
		return err
	}
	if err := makeFile(path); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	s.dialect = sqliteDialect()
	if s.writer, err = sql.Open("sqlite", sqliteDSN(path, true)); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	s.writer.SetMaxOpenConns(1)
	if s.reader, err = sql.Open("sqlite", sqliteDSN(path, false)); err != nil {
		return errors.Join(fmt.Errorf("store: %w", err), s.writer.Close())
	}
	if conns <= 0 {
		conns = 4
	}
	s.reader.SetMaxOpenConns(conns)
	s.reader.SetMaxIdleConns(conns)
	return nil
}

// makeFile makes the file and its directory readable for their owner only;
// SQLite gives its side files the same mode.
func makeFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// sqliteDSN returns the driver's name of the file with what every connection
// begins with. A transaction of the writer takes the write lock at its start,
// so that it never has to give up half-way.
func sqliteDSN(path string, write bool) string {
	q := url.Values{"_pragma": {
		"busy_timeout(5000)", "foreign_keys(1)", "journal_mode(WAL)", "synchronous(FULL)",
	}}
	if write {
		q.Set("_txlock", "immediate")
		// A batch of CDRs must fit, or its pages are written twice; and several
		// batches are carried from the WAL into the file at once.
		q.Add("_pragma", "cache_size(-16384)")       // KiB at most
		q.Add("_pragma", "wal_autocheckpoint(4000)") // pages of 4 KiB
	} else {
		q.Add("_pragma", "query_only(1)")
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

func classifySQLite(err error) class {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return classOther
	}
	if e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE {
		return classDuplicate
	}
	switch e.Code() & 0xff { // without the detail
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_RANGE:
		return classBadRecord
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
		sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_NOMEM:
		return classUnavailable
	}
	return classOther
}
