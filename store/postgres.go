package store

import (
	"database/sql"
	"errors"
	"net"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"b2bua/migrations"
)

// Of a pool: an idle connection is closed after a while, and a busy one now
// and then, so that it follows a failover of the server.
const (
	pgConnectTimeout = 5 * time.Second // unless the URL says otherwise
	pgIdleTime       = 5 * time.Minute
	pgLifetime       = time.Hour
)

func postgresDialect() (dialect, error) {
	// The processes of a cluster start at once: one migrates, the others look
	// again every second, for five minutes at most.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return dialect{}, err
	}
	return dialect{
		name:       "postgres",
		goose:      goose.DialectPostgres,
		migrations: migrations.Postgres(),
		lists:      true,
		indexed:    64, // an entry of 2704 octets is an error
		remote:     true,
		notify:     "SELECT pg_notify('" + policyChannel + "', $1)",
		snapshot:   &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
		time:       func(t time.Time) any { return micros(t) },
		classify:   classifyPostgres,
		locker:     goose.WithSessionLocker(locker),
	}, nil
}

func (s *Store) openPostgres(rawURL string, conns int) error {
	// The causes are not told: they quote the URL, and with a password that is
	// not percent-encoded nobody can say where in it the password is.
	u, err := url.Parse(rawURL)
	if err != nil {
		return errors.New("store: the postgres:// URL cannot be read; special characters of a password must be percent-encoded")
	}
	s.secrets = secretsOf(u)
	cfg, err := pgx.ParseConfig(rawURL)
	if err != nil {
		return errors.New("store: the postgres:// URL has an option or port that cannot be understood, or names a file that cannot be read")
	}
	if cfg.Password != "" {
		s.secrets = append(s.secrets, cfg.Password) // of a service or password file
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = pgConnectTimeout
	}
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "b2bua"
	}
	if s.dialect, err = postgresDialect(); err != nil {
		return err
	}
	if conns <= 0 {
		conns = 8
	}
	s.listener = cfg
	s.writer = stdlib.OpenDB(*cfg)
	s.writer.SetMaxOpenConns(conns)
	s.writer.SetMaxIdleConns(conns)
	s.writer.SetConnMaxIdleTime(pgIdleTime)
	s.writer.SetConnMaxLifetime(pgLifetime)
	s.reader = s.writer
	return nil
}

// classifyPostgres reads the SQLSTATE, Appendix A of the Postgres manual.
func classifyPostgres(err error) class {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		var connect *pgconn.ConnectError
		var network net.Error
		if errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) {
			return classUnavailable
		}
		return classOther
	}
	switch {
	case e.Code == "23505":
		return classDuplicate
	case e.Code == "23514" && e.ConstraintName == "":
		return classOther // no partition for the row: not the row's fault
	case e.Code[:2] == "22" || e.Code[:2] == "23" || e.Code[:2] == "54":
		return classBadRecord // data exception, constraint, beyond a limit
	case e.Code[:2] == "08" || e.Code[:2] == "53" || e.Code[:2] == "57" || e.Code[:2] == "28" || e.Code == "25006":
		return classUnavailable // connection, resources, shutdown, login, a standby
	}
	return classOther
}
