package policy

import "context"

// A Collection is the objects of one kind, as the API lists and edits them.
type Collection[T any] struct{ service *Service }

// List returns up to limit objects by name, after cursor, and the cursor of
// the next page; empty when there is none.
func (c *Collection[T]) List(ctx context.Context, cursor string, limit int) (items []T, next string, err error) {
	return nil, "", nil
}

// Get returns one object. The error wraps [ErrNotFound].
func (c *Collection[T]) Get(ctx context.Context, idOrName string) (T, error) {
	var zero T
	return zero, ErrNotFound
}

// Create adds an object.
func (c *Collection[T]) Create(ctx context.Context, object T) (T, error) { return object, nil }

// Patch changes one object.
func (c *Collection[T]) Patch(ctx context.Context, idOrName string, edit func(*T) error) (T, error) {
	var zero T
	return zero, ErrNotFound
}

// Delete removes one object.
func (c *Collection[T]) Delete(ctx context.Context, idOrName string) error { return ErrNotFound }
