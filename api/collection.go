package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"b2bua/policy"
)

// collection is how the objects of one kind are called.
type collection struct {
	singular, plural string // trunk, trunks
	id               string // trunk_id
	schema           string // Trunk
}

func (c collection) path() string { return "/v1/" + c.plural }

// objects is what a collection needs of its service; [policy.Collection] has
// it.
type objects[T any] interface {
	List(ctx context.Context, cursor string, limit int) (items []T, next string, err error)
	Get(ctx context.Context, idOrName string) (T, error)
	Create(ctx context.Context, object T) (T, error)
	Patch(ctx context.Context, idOrName string, edit func(*T) error) (T, error)
	Delete(ctx context.Context, idOrName string) error
}

type (
	listInput struct {
		Cursor string `query:"cursor" maxLength:"512" doc:"next_cursor of the page before; left out for the first page"`
		Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	}

	oneInput struct {
		ID string `path:"id" maxLength:"256" doc:"Its id or its name"`
	}

	createInput struct{ body }

	patchInput struct {
		body
		ID string `path:"id" maxLength:"256" doc:"Its id or its name"`
	}

	output[T any] struct{ Body T }

	createdOutput[T any] struct {
		Location string `header:"Location" doc:"Path of what was created"`
		Body     T
	}
)

func registerCollection[T any](a *api, c collection, service objects[T]) {
	h := handlers[T]{collection: c, service: service}
	one := c.path() + "/{id}"
	article := "a"
	if c.singular == "account" {
		article = "an"
	}
	register(a, operation{
		method: http.MethodGet, path: c.path(), id: "list-" + c.plural, tag: "policy", summary: "List " + c.plural + " by name",
	}, h.list)
	register(a, operation{
		method: http.MethodPost, path: c.path(), id: "create-" + c.singular, tag: "policy", summary: "Create " + article + " " + c.singular,
		description: "It is in force when the answer is sent.", status: http.StatusCreated,
		request: requestBody(c.schema+"Input", mediaJSON), codes: []Code{CodeConflict, CodeInvalidPolicy},
	}, h.create)
	register(a, operation{
		method: http.MethodGet, path: one, id: "get-" + c.singular, tag: "policy", summary: "Read " + article + " " + c.singular,
		codes: []Code{CodeNotFound},
	}, h.get)
	register(a, operation{
		method: http.MethodPatch, path: one, id: "patch-" + c.singular, tag: "policy", summary: "Change " + article + " " + c.singular,
		description: "It is in force when the answer is sent. Calls in progress keep the plan they were given.",
		request:     requestBody(c.schema+"Patch", mediaMergePatch, mediaJSON), codes: []Code{CodeConflict, CodeInvalidPolicy, CodeNotFound},
	}, h.patch)
	register(a, operation{
		method: http.MethodDelete, path: one, id: "delete-" + c.singular, tag: "policy", summary: "Delete " + article + " " + c.singular,
		codes: []Code{CodeConflict, CodeInvalidPolicy, CodeNotFound},
	}, h.remove)
}

// handlers are the five operations on objects of type T.
type handlers[T any] struct {
	collection
	service objects[T]
}

func (h handlers[T]) list(ctx context.Context, in *listInput) (*output[page[T]], error) {
	items, next, err := h.service.List(ctx, in.Cursor, in.Limit)
	if faults, ok := errors.AsType[*policy.FaultError](err); ok {
		return nil, faultProblem(CodeInvalidRequest, faults.Faults, func(f policy.Fault) string { return "query." + f.Field })
	}
	if err != nil {
		return nil, err
	}
	return &output[page[T]]{newPage(items, next)}, nil
}

func (h handlers[T]) get(ctx context.Context, in *oneInput) (*output[T], error) {
	object, err := h.service.Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &output[T]{object}, nil
}

func (h handlers[T]) create(ctx context.Context, in *createInput) (*createdOutput[T], error) {
	raw, err := in.readObject(mediaJSON)
	if err != nil {
		return nil, err
	}
	var object T
	if err := decode(raw, &object); err != nil {
		return nil, err
	}
	created, err := h.service.Create(ctx, object)
	if err != nil {
		return nil, located(err, h.singular, property(object, "name"))
	}
	return &createdOutput[T]{Location: h.path() + "/" + url.PathEscape(property(created, h.id)), Body: created}, nil
}

func (h handlers[T]) patch(ctx context.Context, in *patchInput) (*output[T], error) {
	raw, err := in.readObject(mediaMergePatch, mediaJSON)
	if err != nil {
		return nil, err
	}
	name := ""
	changed, err := h.service.Patch(ctx, in.ID, func(object *T) error {
		err := decode(raw, object)
		name = property(*object, "name")
		return err
	})
	if err != nil {
		return nil, located(err, h.singular, name)
	}
	return &output[T]{changed}, nil
}

func (h handlers[T]) remove(ctx context.Context, in *oneInput) (*struct{}, error) {
	return nil, h.service.Delete(ctx, in.ID)
}

var _ objects[policy.Trunk] = (*policy.Collection[policy.Trunk])(nil)

// property is a text property of an object, by its name in JSON.
func property(object any, name string) string {
	text, _ := defaultsOf(object)[name].(string)
	return text
}
