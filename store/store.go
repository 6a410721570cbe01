package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"b2bua/cdr"
	"b2bua/policy"
)

var (
	_ policy.Store = (*Store)(nil)
	_ cdr.Sink     = (*Store)(nil)
)

// Options change how [Open] works. The zero value brings the schema up to
// date and fails when the database cannot be reached.
type Options struct {
	// NoMigrate leaves the schema as it is.
	NoMigrate bool
	// Offline lets Open succeed while the database cannot be reached; the
	// first call that reaches it brings the schema up to date. A URL that can
	// never work is an error all the same.
	Offline bool
	// Conns is the most connections at once: of Postgres [8], of SQLite's
	// readers [4]; SQLite has one more, its only writer.
	Conns   int
	Logger  *slog.Logger // nil discards
	Metrics *Metrics     // nil counts what nobody sees
}

// A Store is one database. It is safe for concurrent use, and several
// processes may have the same database open.
type Store struct {
	dialect dialect
	writer  *sql.DB
	reader  *sql.DB // the same as writer on Postgres
	secrets []string
	logger  *slog.Logger
	metrics *Metrics

	ready     atomic.Bool   // the schema is up to date, or is not ours to change
	preparing chan struct{} // holds a token while somebody sees to that

	listener *pgx.ConnConfig // of the connection that hears of changes; nil on SQLite
}

// Open opens the database that url names:
//
//	sqlite://data/b2bua.db         a file, relative to the working directory
//	sqlite:///var/lib/b2bua/b2bua.db
//	postgres://user:password@host/database?sslmode=verify-full
//
// SQLite's file and its directory (0700) are made when they are missing. No
// error of this package contains a password.
func Open(ctx context.Context, url string, opts Options) (*Store, error) {
	s := &Store{logger: opts.Logger, metrics: opts.Metrics, preparing: make(chan struct{}, 1)}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	if s.metrics == nil {
		s.metrics = NewMetrics(nil)
	}
	if err := s.connect(url, opts.Conns); err != nil {
		return nil, err
	}
	s.ready.Store(opts.NoMigrate)
	err := s.Ping(ctx)
	if err != nil && opts.Offline && errors.Is(err, ErrUnavailable) {
		s.logger.WarnContext(ctx, "database cannot be reached; going on without it", "err", err)
		return s, nil
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// connect makes the pools for url. It does not reach out to a server yet.
func (s *Store) connect(url string, conns int) error {
	switch scheme, _, _ := cutScheme(url); scheme {
	case "sqlite":
		return s.openSQLite(url, conns)
	case "postgres", "postgresql":
		return s.openPostgres(url, conns)
	default:
		return errors.New("store: the database URL must begin with sqlite:// or postgres://")
	}
}

// Ping reports whether the database can be reached and its schema is there.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.prepare(ctx); err != nil {
		return err
	}
	var one int
	return s.done("ping", s.reader.QueryRowContext(ctx, "SELECT 1").Scan(&one))
}

// prepare brings the schema up to date once.
func (s *Store) prepare(ctx context.Context) error {
	if s.ready.Load() {
		return nil
	}
	select {
	case s.preparing <- struct{}{}:
	case <-ctx.Done(): // the database hangs, and somebody else waits for it
		return fmt.Errorf("prepare the schema: %w", ctx.Err())
	}
	defer func() { <-s.preparing }()
	if s.ready.Load() {
		return nil
	}
	if err := s.Migrate(ctx, Up); err != nil {
		return err
	}
	s.ready.Store(true)
	return nil
}

// Close closes the connections. Calls that are under way fail.
func (s *Store) Close() error {
	err := s.writer.Close()
	if s.reader != s.writer {
		err = errors.Join(err, s.reader.Close())
	}
	return s.done("close", err)
}

// Dialect returns sqlite or postgres.
func (s *Store) Dialect() string { return s.dialect.name }

// write runs f in a transaction that may write. An error or panic of f rolls
// it back.
func (s *Store) write(ctx context.Context, f func(tx) error) error {
	return s.transact(ctx, s.writer, nil, f)
}

// read runs f in a transaction that sees one state of the database.
func (s *Store) read(ctx context.Context, f func(tx) error) error {
	return s.transact(ctx, s.reader, s.dialect.snapshot, f)
}

func (s *Store) transact(ctx context.Context, db *sql.DB, opts *sql.TxOptions, f func(tx) error) error {
	if err := s.prepare(ctx); err != nil {
		return err
	}
	c, x, err := s.begin(ctx, db, opts)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer c.Close()    //nolint:errcheck // it goes back to the pool
	defer x.Rollback() //nolint:errcheck // after a commit it does nothing
	if err := f(tx{x, c, &s.dialect}); err != nil {
		return err
	}
	if err := x.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// begin begins a transaction. A server that was restarted has left a pool of
// dead connections, and each tells only when it is used: they are passed over,
// as nothing has been asked of the database yet.
func (s *Store) begin(ctx context.Context, db *sql.DB, opts *sql.TxOptions) (*sql.Conn, *sql.Tx, error) {
	for tries := db.Stats().MaxOpenConnections; ; tries-- {
		c, err := db.Conn(ctx)
		if err != nil {
			return nil, nil, err
		}
		x, err := c.BeginTx(ctx, opts)
		if err == nil {
			return c, x, nil
		}
		_ = c.Close() // dead, or goes back to the pool
		if tries <= 0 || ctx.Err() != nil || s.classify(err) != classUnavailable || !s.dialect.remote {
			return nil, nil, err
		}
	}
}
