package policy

import "context"

// A Store keeps the set. The service is its only user; package store
// implements it.
type Store interface {
	// LoadPolicy returns the whole set with its revision, read in one
	// transaction. An empty store returns revision 0.
	LoadPolicy(ctx context.Context) (Set, error)

	// EditPolicy runs edit on the whole set inside one transaction that
	// serialises all writers (it updates the one policy_revision row first),
	// saves the difference by id and returns the set with its new revision.
	// Edit sees the revision before the change and need not touch it.
	// An error of edit rolls everything back and is returned wrapped or as
	// it is. Edit may run more than once when the database asks for a retry.
	EditPolicy(ctx context.Context, edit func(*Set) error) (Set, error)

	// PolicyRevision returns the stored revision. It reads one row.
	PolicyRevision(ctx context.Context) (int64, error)

	// WatchPolicy calls changed when the stored policy may have changed, by
	// whatever process, as far as the database tells: changes may go unsaid,
	// and others be said twice. It returns when ctx ends.
	WatchPolicy(ctx context.Context, changed func())
}
