package policy

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// A Diff is what a replaced set changes: accounts, then trunks, then routes,
// each by name.
type Diff struct {
	Added   []Change `json:"added" nullable:"false"`
	Changed []Change `json:"changed" nullable:"false"`
	Removed []Change `json:"removed" nullable:"false"`
}

// A Change names one object, and for a changed one the fields that differ.
type Change struct {
	Kind   string   `json:"kind" enum:"account,trunk,route"`
	Name   string   `json:"name" doc:"Its new name, when that changed"`
	Fields []string `json:"fields" nullable:"false" doc:"Changed fields; none when added or removed"`
}

// Empty reports whether nothing changes.
func (d Diff) Empty() bool { return len(d.Added)+len(d.Changed)+len(d.Removed) == 0 }

// adopt makes next the successor of current: it gives objects that are still
// the same their id and times, new ones new, and returns what differs.
//
// An object is the same when it has the same id, else the same name. A
// document without ids, or with those of another installation, therefore
// changes objects by name; one with our ids can rename them.
func adopt(current, next *Set, now time.Time) Diff {
	d := Diff{Added: []Change{}, Changed: []Change{}, Removed: []Change{}}
	adoptKind(accountKind(), current, next, now, &d)
	adoptKind(trunkKind(), current, next, now, &d)
	adoptKind(routeKind(), current, next, now, &d)
	return d
}

func adoptKind[T any](k kind[T], current, next *Set, now time.Time, d *Diff) {
	old, objects := *k.list(current), *k.list(next)
	same := pair(k, old, objects)
	kept := make([]bool, len(old))
	from := len(d.Added)
	changed := len(d.Changed)
	for i := range objects {
		h := k.head(&objects[i])
		if same[i] < 0 {
			if *h.id == "" {
				*h.id = newID()
			}
			*h.created, *h.updated = now, now
			d.Added = append(d.Added, Change{k.name, *h.name, []string{}})
			continue
		}
		before := k.head(&old[same[i]])
		kept[same[i]] = true
		*h.id, *h.created, *h.updated = *before.id, *before.created, *before.updated
		if fields := k.differences(old[same[i]], objects[i]); len(fields) > 0 {
			*h.updated = now
			d.Changed = append(d.Changed, Change{k.name, *h.name, fields})
		}
	}
	removed := len(d.Removed)
	for i := range old {
		if !kept[i] {
			d.Removed = append(d.Removed, Change{k.name, *k.head(&old[i]).name, []string{}})
		}
	}
	byName := func(a, b Change) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(d.Added[from:], byName)
	slices.SortFunc(d.Changed[changed:], byName)
	slices.SortFunc(d.Removed[removed:], byName)
}

// pair returns for each object the index of the old one it continues, -1 for
// none. Ids claim first, so that a name may move from one object to another.
func pair[T any](k kind[T], old, objects []T) []int {
	ids, names := make(map[string]int, len(old)), make(map[string]int, len(old))
	for i := range old {
		h := k.head(&old[i])
		ids[*h.id], names[*h.name] = i, i
	}
	same, taken := make([]int, len(objects)), make([]bool, len(old))
	for i := range objects {
		same[i] = -1
		if j, ok := ids[*k.head(&objects[i]).id]; ok && !taken[j] {
			same[i], taken[j] = j, true
		}
	}
	for i := range objects {
		if j, ok := names[*k.head(&objects[i]).name]; ok && same[i] < 0 && !taken[j] {
			same[i], taken[j] = j, true
		}
	}
	return same
}

// differences returns the json names of the fields in which two objects
// differ, but for their ids and times.
func (k kind[T]) differences(a, b T) []string {
	x, y := reflect.ValueOf(k.clone(a)), reflect.ValueOf(k.clone(b))
	var fields []string
	for i := range x.NumField() {
		name, _, _ := strings.Cut(x.Type().Field(i).Tag.Get("json"), ",")
		if name == k.name+"_id" || name == "created_at" || name == "updated_at" {
			continue
		}
		if !reflect.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
			fields = append(fields, name)
		}
	}
	return fields
}

// newID returns a UUIDv7, RFC 9562 §5.7.
func newID() string { return uuid.Must(uuid.NewV7()).String() }
