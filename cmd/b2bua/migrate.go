package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"b2bua/store"
)

type migrateCommand struct {
	configFile
	Direction string `arg:"" optional:"" default:"up" enum:"up,down,status" help:"up: what is missing; down: undo the newest, with its data; status."`
	Yes       bool   `help:"With down: yes, undo the newest step and throw its data away."`
}

// Run changes or shows the schema of the configured database.
func (c migrateCommand) Run(out io.Writer) (err error) {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	st, err := store.Open(ctx, cfg.Database.URL, store.Options{NoMigrate: true, Logger: cfg.Log.Logger(os.Stderr)})
	if err != nil {
		return fmt.Errorf("database.url: %w", err)
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	switch c.Direction {
	case "up":
		err = st.Migrate(ctx, store.Up)
	case "down":
		if !c.Yes {
			return errors.New("migrate down throws data away; stop every server of this database, then say migrate down --yes")
		}
		err = st.Migrate(ctx, store.Down)
	}
	if err != nil {
		return err
	}
	return showSteps(ctx, out, st)
}

func showSteps(ctx context.Context, out io.Writer, st *store.Store) error {
	steps, err := st.MigrationStatus(ctx)
	if err != nil {
		return err
	}
	for _, m := range steps {
		at := "missing"
		if m.AppliedAt != nil {
			at = m.AppliedAt.Format(time.RFC3339)
		}
		_, _ = fmt.Fprintf(out, "%5d  %-20s  %s\n", m.Version, at, m.Name)
	}
	return nil
}
