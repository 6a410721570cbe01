package policy

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Bounds of a page.
const (
	DefaultPage = 100
	MaxPage     = 1000
)

// A Collection is the objects of one kind, as the API lists and edits them.
// What it returns are copies.
type Collection[T any] struct {
	service *Service
	kind    kind[T]
}

// Accounts returns the accounts.
func (s *Service) Accounts() *Collection[Account] { return &Collection[Account]{s, accountKind()} }

// Trunks returns the trunks.
func (s *Service) Trunks() *Collection[Trunk] { return &Collection[Trunk]{s, trunkKind()} }

// Routes returns the routes.
func (s *Service) Routes() *Collection[Route] { return &Collection[Route]{s, routeKind()} }

// List returns up to limit objects by name, those after cursor, and the cursor
// of the next page; empty when this is the last. An empty cursor begins. Limit
// 0 means [DefaultPage]; more than [MaxPage] is cut to that. Objects that come
// or go between two pages move no other in or out. A cursor that List did not
// return is a [*FaultError].
func (c *Collection[T]) List(ctx context.Context, cursor string, limit int) (items []T, next string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	after, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(after) > maxName {
		return nil, "", &FaultError{Faults: []Fault{{
			Object: c.kind.name, Field: "cursor", Value: cut(cursor), Message: "must be the next_cursor of a page before",
		}}}
	}
	if limit <= 0 {
		limit = DefaultPage
	}
	limit = min(limit, MaxPage)
	set := &c.service.engine.Load().set
	objects := *c.kind.list(set)
	from, found := c.kind.place(set, string(after))
	if found {
		from++
	}
	to := min(from+limit, len(objects))
	items = make([]T, 0, to-from)
	for i := from; i < to; i++ {
		items = append(items, c.kind.clone(objects[i]))
	}
	if to < len(objects) {
		next = base64.RawURLEncoding.EncodeToString([]byte(*c.kind.head(&objects[to-1]).name))
	}
	return items, next, nil
}

// Get returns one object. The error wraps [ErrNotFound].
func (c *Collection[T]) Get(ctx context.Context, idOrName string) (T, error) {
	var zero T
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	set := &c.service.engine.Load().set
	i := c.kind.search(set, idOrName)
	if i < 0 {
		return zero, c.notFound(idOrName)
	}
	return c.kind.clone((*c.kind.list(set))[i]), nil
}

// Create adds an object and returns it with its id and times; those it came
// with are ignored. The error is a [*FaultError] or wraps [ErrConflict] when
// the name is taken.
func (c *Collection[T]) Create(ctx context.Context, object T) (T, error) {
	var created T
	_, err := c.service.edit(ctx, func(set *Set) error {
		created = c.kind.clone(object)
		h, now := c.kind.head(&created), c.service.stamp()
		*h.id, *h.created, *h.updated = newID(), now, now
		if err := c.free(set, *h.name, -1); err != nil {
			return err
		}
		objects := c.kind.list(set)
		*objects = append(*objects, created)
		return nil
	})
	return c.answer(created, err)
}

// Patch changes one object and returns it. Edit gets a copy; its error is
// returned and changes nothing. Id and times stay the service's. A new name is
// carried into every reference. The error is a [*FaultError], wraps
// [ErrNotFound], or wraps [ErrConflict] when the new name is taken. A patch
// that changes nothing keeps the revision.
func (c *Collection[T]) Patch(ctx context.Context, idOrName string, edit func(*T) error) (T, error) {
	var patched T
	_, err := c.service.edit(ctx, func(set *Set) error {
		i := c.kind.find(set, idOrName)
		if i < 0 {
			return c.notFound(idOrName)
		}
		before := (*c.kind.list(set))[i]
		patched = c.kind.clone(before)
		if err := edit(&patched); err != nil {
			return err
		}
		old, h := c.kind.head(&before), c.kind.head(&patched)
		*h.id, *h.created, *h.updated = *old.id, *old.created, *old.updated
		if len(c.kind.differences(before, patched)) == 0 {
			return errUnchanged
		}
		*h.updated = c.service.stamp()
		if *h.name != *old.name {
			if err := c.free(set, *h.name, i); err != nil {
				return err
			}
			c.kind.rename(set, *old.name, *h.name, *h.updated)
		}
		(*c.kind.list(set))[i] = patched
		return nil
	})
	if errors.Is(err, errUnchanged) {
		err = nil
	}
	return c.answer(patched, err)
}

// Delete removes one object. The error wraps [ErrNotFound], or [ErrConflict]
// when other objects refer to it, and names them.
func (c *Collection[T]) Delete(ctx context.Context, idOrName string) error {
	_, err := c.service.edit(ctx, func(set *Set) error {
		i := c.kind.find(set, idOrName)
		if i < 0 {
			return c.notFound(idOrName)
		}
		objects := c.kind.list(set)
		name := *c.kind.head(&(*objects)[i]).name
		if users := c.kind.users(set, name); len(users) > 0 {
			return fmt.Errorf("%w: %s %q is used by %s", ErrConflict, c.kind.name, name, some(users))
		}
		*objects = slices.Delete(*objects, i, i+1)
		return nil
	})
	return err
}

// answer returns a copy of object, which the snapshot does not share.
func (c *Collection[T]) answer(object T, err error) (T, error) {
	if err != nil {
		var zero T
		return zero, err
	}
	return c.kind.clone(object), nil
}

// free checks that no object but the one at index self has the name.
func (c *Collection[T]) free(set *Set, name string, self int) error {
	objects := *c.kind.list(set)
	for i := range objects {
		if i != self && *c.kind.head(&objects[i]).name == name {
			return fmt.Errorf("%w: %s %q exists", ErrConflict, c.kind.name, name)
		}
	}
	return nil
}

func (c *Collection[T]) notFound(idOrName string) error {
	return fmt.Errorf("%s %q %w", c.kind.name, cut(idOrName), ErrNotFound)
}

// some lists the first few of users.
func some(users []string) string {
	const most = 3
	if len(users) <= most {
		return strings.Join(users, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(users[:most], ", "), len(users)-most)
}
