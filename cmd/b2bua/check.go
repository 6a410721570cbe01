package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"b2bua/policy"
	"b2bua/store"
)

type checkCommand struct{ configFile }

// Run reads the configuration, opens the database and compiles the policy in
// it, and prints every fault of each.
func (c checkCommand) Run() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	fmt.Println("configuration: ok")
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	st, err := store.Open(ctx, cfg.Database.URL, store.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("database.url: %w", err)
	}
	set, err := st.LoadPolicy(ctx)
	if err = errors.Join(err, st.Close()); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	fmt.Println("database: ok")
	_, faults := policy.Compile(set)
	for _, f := range faults {
		fmt.Println("policy: " + f.String())
	}
	if len(faults) > 0 {
		return fmt.Errorf("policy: %d faults at revision %d", len(faults), set.Revision)
	}
	fmt.Printf("policy: ok, revision %d: %d accounts, %d trunks, %d routes\n", set.Revision, len(set.Accounts), len(set.Trunks), len(set.Routes))
	return nil
}
