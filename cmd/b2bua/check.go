package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"b2bua/policy"
	"b2bua/store"
)

type checkCommand struct{ configFile }

// Run reads the configuration, looks into the database and compiles the policy
// in it, and prints every fault of each. It changes nothing: a database that is
// not there yet, or has older tables, is left as it is.
func (c checkCommand) Run(out io.Writer) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(out, "configuration: ok")
	if missing(cfg.Database.URL) {
		_, _ = fmt.Fprintln(out, "database: none yet; serve makes it")
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	st, err := store.Open(ctx, cfg.Database.URL, store.Options{NoMigrate: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("database.url: %w", err)
	}
	return errors.Join(checkStore(ctx, out, st, policyBounds(cfg)), st.Close())
}

// missing reports whether a URL names an SQLite file that does not exist.
func missing(databaseURL string) bool {
	rest, ok := strings.CutPrefix(databaseURL, "sqlite://")
	if !ok {
		return false
	}
	path, err := url.PathUnescape(rest)
	if err != nil {
		return false // the store says what is wrong with it
	}
	_, err = os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

func checkStore(ctx context.Context, out io.Writer, st *store.Store, bounds policy.Bounds) error {
	steps, err := st.MigrationStatus(ctx)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	waiting := 0
	for _, m := range steps {
		if m.AppliedAt == nil {
			waiting++
		}
	}
	if waiting > 0 {
		_, _ = fmt.Fprintf(out, "database: %d of %d migrations are not applied; serve and migrate apply them\n", waiting, len(steps))
		return nil
	}
	_, _ = fmt.Fprintln(out, "database: ok")
	set, err := st.LoadPolicy(ctx)
	if err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	_, faults := policy.CompileWithin(set, bounds)
	for _, f := range faults {
		_, _ = fmt.Fprintln(out, "policy: "+f.String())
	}
	if len(faults) > 0 {
		return fmt.Errorf("policy: %d faults at revision %d", len(faults), set.Revision)
	}
	_, _ = fmt.Fprintf(out, "policy: ok, revision %d: %d accounts, %d trunks, %d routes\n",
		set.Revision, len(set.Accounts), len(set.Trunks), len(set.Routes))
	return nil
}
