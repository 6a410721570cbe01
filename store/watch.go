package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// policyChannel is where Postgres tells of a new revision, to the sessions of
// the same database.
const policyChannel = "b2bua_policy"

// Of the connection that listens.
const (
	listenWaitLow  = 200 * time.Millisecond // about the first wait after it broke, doubled each time
	listenWaitHigh = 5 * time.Second        // about the longest
	listenQuiet    = 30 * time.Second       // after so long without a word it is asked whether it lives
	listenPing     = 5 * time.Second        // and has so long to answer
)

// notify tells the other processes of a revision, once the transaction has
// committed.
func (s *Store) notify(ctx context.Context, x tx, revision int64) error {
	if s.dialect.notify == "" {
		return nil
	}
	_, err := x.ExecContext(ctx, s.dialect.notify, strconv.FormatInt(revision, 10))
	return err
}

// WatchPolicy implements [policy.Store]. Postgres tells over a connection of
// its own, which is made again when it breaks; each time it stands, changed is
// called for what may have been missed. SQLite tells nothing.
func (s *Store) WatchPolicy(ctx context.Context, changed func()) {
	if s.listener == nil {
		<-ctx.Done()
		return
	}
	wait, said := time.Duration(0), false
	for ctx.Err() == nil {
		heard, err := s.listen(ctx, changed)
		s.metrics.listening.Set(0)
		if ctx.Err() != nil {
			return
		}
		err = s.done("listen", err)
		if heard {
			wait, said = 0, false
		}
		if !said {
			s.logger.WarnContext(ctx, "Postgres does not tell of policy changes; they are found by polling", "err", err)
			said = true
		}
		wait = min(max(2*wait, listenWaitLow), listenWaitHigh)
		pause(ctx, wait/2+rand.N(wait)) // spread, or all nodes come back at once
	}
}

// listen makes a connection and calls changed for what is told over it, until
// it breaks or ctx ends. It reports whether the connection ever stood.
func (s *Store) listen(ctx context.Context, changed func()) (heard bool, err error) {
	conn, err := pgx.ConnectConfig(ctx, s.listener.Copy())
	if err != nil {
		return false, err
	}
	defer func() {
		bye, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = conn.Close(bye) // it has broken, or we leave
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+policyChannel); err != nil {
		return false, err
	}
	s.metrics.listening.Set(1)
	changed()
	for {
		told, err := hear(ctx, conn)
		if err != nil {
			return true, err
		}
		if told {
			s.metrics.notifications.Inc()
			changed()
		}
	}
}

// hear waits for a word, or after a long silence for a sign of life.
func hear(ctx context.Context, conn *pgx.Conn) (told bool, err error) {
	quiet, cancel := context.WithTimeout(ctx, listenQuiet)
	defer cancel()
	_, err = conn.WaitForNotification(quiet)
	if err == nil || ctx.Err() != nil || !errors.Is(quiet.Err(), context.DeadlineExceeded) {
		return err == nil, err
	}
	ping, cancel := context.WithTimeout(ctx, listenPing)
	defer cancel()
	return false, conn.Ping(ping)
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
