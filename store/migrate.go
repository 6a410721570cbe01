package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pressly/goose/v3"
)

// A Direction is a way through the migrations.
type Direction uint8

const (
	Up   Direction = iota // every step that is missing
	Down                  // the newest step undone; its data is gone
)

// ErrSchemaNewer is wrapped when a newer b2bua has migrated the database: this
// one does not know what the steps since then mean, and leaves it alone.
var ErrSchemaNewer = errors.New("the schema of the database is newer than this b2bua")

// A Migration is one step of the schema.
type Migration struct {
	Version   int64
	Name      string
	AppliedAt *time.Time // nil when it is missing
}

// migrateTries is how often SQLite's schema is tried while another process
// brings it up to date: SQLite has no lock that spans several transactions.
const migrateTries = 5

// Migrate changes the schema. Processes that start at the same time do not
// disturb each other.
func (s *Store) Migrate(ctx context.Context, d Direction) error {
	return s.timed("migrate", func() error {
		var err error
		for try := 1; ; try++ {
			err = s.migrateOnce(ctx, d)
			if err == nil || try == migrateTries || s.dialect.locker != nil || d == Down || errors.Is(err, ErrSchemaNewer) {
				return err
			}
			select {
			case <-time.After(time.Duration(try) * 50 * time.Millisecond):
			case <-ctx.Done():
				return err
			}
		}
	})
}

func (s *Store) migrateOnce(ctx context.Context, d Direction) error {
	p, err := s.provider()
	if err != nil {
		return err
	}
	var results []*goose.MigrationResult
	if d == Down {
		if err := notNewer(ctx, p); err != nil {
			return err
		}
		var r *goose.MigrationResult
		r, err = p.Down(ctx)
		results = append(results, r)
		if errors.Is(err, goose.ErrNoNextVersion) {
			return errors.New("there is no step to undo")
		}
	} else if results, err = p.Up(ctx); err == nil {
		err = notNewer(ctx, p) // not before: only Up takes the lock, and makes the table that is asked
	}
	if err != nil {
		return err
	}
	for _, r := range results {
		s.logger.InfoContext(ctx, "database schema changed", "step", r.Source.Path, "direction", r.Direction, "took", r.Duration)
	}
	return nil
}

// notNewer returns an error when the database has steps that this program does
// not know.
func notNewer(ctx context.Context, p *goose.Provider) error {
	has, knows, err := p.GetVersions(ctx)
	if err == nil && has > knows {
		return fmt.Errorf("%w: it is at step %d, this one knows the steps up to %d; run the b2bua that migrated it, or a newer one",
			ErrSchemaNewer, has, knows)
	}
	return err
}

// MigrationStatus returns every step that this program knows, oldest first.
func (s *Store) MigrationStatus(ctx context.Context) (steps []Migration, err error) {
	err = s.timed("migration_status", func() error {
		p, err := s.provider()
		if err != nil {
			return err
		}
		if err := notNewer(ctx, p); err != nil {
			return err
		}
		status, err := p.Status(ctx)
		if err != nil {
			return err
		}
		for _, st := range status {
			m := Migration{Version: st.Source.Version, Name: st.Source.Path}
			if st.State == goose.StateApplied {
				at := micros(st.AppliedAt)
				m.AppliedAt = &at
			}
			steps = append(steps, m)
		}
		return nil
	})
	return steps, err
}

func (s *Store) provider() (*goose.Provider, error) {
	opts := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger())}
	if s.dialect.locker != nil {
		opts = append(opts, s.dialect.locker)
	}
	p, err := goose.NewProvider(s.dialect.goose, s.writer, s.dialect.migrations, opts...)
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	return p, nil
}
