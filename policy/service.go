package policy

import (
	"context"
	"log/slog"
)

// A Service edits the policy and puts it in force: it checks the whole set,
// stores it, and swaps the engine's snapshot. It is safe for concurrent use.
type Service struct {
	store  Store
	engine *Engine
	file   string
	logger *slog.Logger
}

// NewService returns a service. File is where the snapshot is kept on disk;
// empty keeps none. A nil logger discards.
func NewService(store Store, engine *Engine, file string, logger *slog.Logger, options ...Option) *Service {
	return &Service{store: store, engine: engine, file: file, logger: logger}
}

// An Option changes a [Service] at construction.
type Option func(*Service)

// Refresh loads the stored set and puts it in force.
func (s *Service) Refresh(ctx context.Context) error { return nil }

// Set returns the whole policy that is in force.
func (s *Service) Set(ctx context.Context) (Set, error) { return Set{}, nil }

// Replace makes set the whole policy, or with dryRun only tells what that
// would change.
func (s *Service) Replace(ctx context.Context, set Set, dryRun bool) (Diff, Set, error) {
	return Diff{}, Set{}, nil
}

// Explain explains a simulated call on the policy in force.
func (s *Service) Explain(q Query) Explanation { return s.engine.Load().Explain(q) }

// Accounts returns the accounts.
func (s *Service) Accounts() *Collection[Account] { return nil }

// Trunks returns the trunks.
func (s *Service) Trunks() *Collection[Trunk] { return nil }

// Routes returns the routes.
func (s *Service) Routes() *Collection[Route] { return nil }
