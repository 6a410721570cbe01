package policy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"b2bua/policy"
)

func TestReplace(t *testing.T) {
	b := newBench(t)
	b.smallest(t)
	ctx := t.Context()
	old, _ := b.Set(ctx)
	b.now = b.now.Add(time.Hour)
	doc := old
	doc.Trunks = append([]policy.Trunk(nil), old.Trunks...) // carrier, pbx
	doc.Trunks[0].Name = "vendor"                           // by id: renamed
	doc.Trunks[1].TrunkID = ""                              // by name: still pbx
	doc.Trunks[1].MTU = "1400"
	doc.Trunks[1].CreatedAt, doc.Trunks[1].UpdatedAt = time.Time{}, time.Time{}
	doc.Trunks = append(doc.Trunks, trunk("carrier")) // a name that has become free: new
	doc.Routes = []policy.Route{route("other", "1", "vendor")}
	doc.Accounts = []policy.Account{policy.NewAccount("acme")}
	want := policy.Diff{
		Added:   []policy.Change{{Kind: "account", Name: "acme", Fields: []string{}}, {Kind: "trunk", Name: "carrier", Fields: []string{}}, {Kind: "route", Name: "other", Fields: []string{}}},
		Changed: []policy.Change{{Kind: "trunk", Name: "pbx", Fields: []string{"mtu"}}, {Kind: "trunk", Name: "vendor", Fields: []string{"name"}}},
		Removed: []policy.Change{{Kind: "route", Name: "everything", Fields: []string{}}},
	}
	before := b.engine.Load()
	diff, _, err := b.Replace(ctx, doc, true)
	if d := cmp.Diff(want, diff); err != nil || d != "" {
		t.Errorf("dry run: %v\n%s", err, d)
	}
	if b.engine.Load() != before || b.stored(t).Revision != 3 {
		t.Error("the dry run was no dry run")
	}
	diff, after, err := b.Replace(ctx, doc, false)
	if d := cmp.Diff(want, diff); err != nil || d != "" {
		t.Errorf("%v\n%s", err, d)
	}
	if after.Revision != 4 || b.engine.Load().Revision() != 4 {
		t.Errorf("revision %d", after.Revision)
	}
	byName := map[string]policy.Trunk{}
	for _, tr := range after.Trunks {
		byName[tr.Name] = tr
	}
	if v, was := byName["vendor"], old.Trunks[0]; v.TrunkID != was.TrunkID || v.CreatedAt != was.CreatedAt || v.UpdatedAt.Equal(was.UpdatedAt) {
		t.Errorf("vendor: %+v", v)
	}
	if p, was := byName["pbx"], old.Trunks[1]; p.TrunkID != was.TrunkID || p.CreatedAt != was.CreatedAt {
		t.Errorf("pbx: %+v", p)
	}
	if n := byName["carrier"]; n.TrunkID == "" || n.TrunkID == old.Trunks[0].TrunkID || !n.CreatedAt.Equal(after.Accounts[0].CreatedAt) {
		t.Errorf("carrier: %+v", n)
	}
	if d := cmp.Diff(after, b.stored(t), byNameOrder()); d != "" {
		t.Errorf("the store holds something else:\n%s", d)
	}
}

// byNameOrder compares sets whatever the order of their objects.
func byNameOrder() cmp.Option {
	return cmp.Transformer("byName", func(trunks []policy.Trunk) map[string]string {
		m := map[string]string{}
		for _, tr := range trunks {
			data, _ := json.Marshal(tr)
			m[tr.Name] = string(data)
		}
		return m
	})
}

// Names may move between objects; ids of another installation count for
// nothing when the name is known.
func TestReplaceSwapsNamesAndKnowsForeignIDs(t *testing.T) {
	b := newBench(t)
	b.smallest(t)
	ctx := t.Context()
	old, _ := b.Set(ctx)
	doc := old
	doc.Trunks = append([]policy.Trunk(nil), old.Trunks...)
	doc.Trunks[0].Name, doc.Trunks[1].Name = "pbx", "carrier"
	_, after, err := b.Replace(ctx, doc, false)
	if err != nil || after.Trunks[0].TrunkID != old.Trunks[1].TrunkID || after.Trunks[1].TrunkID != old.Trunks[0].TrunkID {
		t.Errorf("%+v (%v)", after.Trunks, err)
	}
	doc = after
	doc.Revision = 0
	doc.Trunks = append([]policy.Trunk(nil), after.Trunks...)
	doc.Trunks[0].TrunkID = "01890a5d-ac96-774b-bcce-b302099a8057"
	diff, again, err := b.Replace(ctx, doc, false)
	if err != nil || !diff.Empty() || again.Trunks[0].TrunkID != after.Trunks[0].TrunkID {
		t.Errorf("%+v %+v (%v)", diff, again.Trunks[0], err)
	}
	doc.Trunks = append(doc.Trunks, policy.NewTrunk("restored")) // a backup keeps its ids
	doc.Trunks[2].TrunkID = "01890a5d-ac96-774b-bcce-b302099a8058"
	if _, again, err = b.Replace(ctx, doc, false); err != nil || again.Trunks[2].TrunkID != doc.Trunks[2].TrunkID {
		t.Errorf("%+v (%v)", again.Trunks, err)
	}
}

// A document that was read before somebody else's change does not undo it.
func TestReplaceKnowsWhatIsStale(t *testing.T) {
	b := newBench(t)
	b.smallest(t)
	ctx := t.Context()
	old, _ := b.Set(ctx)
	add := func(revision int64, name string, dry bool) error {
		doc := old
		doc.Revision = revision
		doc.Trunks = append(append([]policy.Trunk(nil), old.Trunks...), trunk(name))
		_, _, err := b.Replace(ctx, doc, dry)
		return err
	}
	if err := add(old.Revision, "first", false); err != nil {
		t.Fatal(err)
	}
	for _, dry := range []bool{true, false} {
		for _, revision := range []int64{old.Revision, old.Revision + 2} {
			if err := add(revision, "second", dry); !errors.Is(err, policy.ErrConflict) ||
				!strings.Contains(err.Error(), fmt.Sprintf("revision %d and the policy of revision %d", revision, old.Revision+1)) {
				t.Errorf("dry %v, revision %d: %v", dry, revision, err)
			}
		}
	}
	if got := b.stored(t); got.Revision != old.Revision+1 || len(got.Trunks) != len(old.Trunks)+1 {
		t.Errorf("stored: %+v", got)
	}
	if err := add(old.Revision, "first", false); err != nil { // again, as after a lost answer
		t.Error(err)
	}
	if err := add(0, "second", false); err != nil {
		t.Error(err)
	}
}

func TestReplaceRefuses(t *testing.T) {
	b := newBench(t)
	b.smallest(t)
	set, _ := b.Set(t.Context())
	set.Trunks = append(set.Trunks, trunk("pbx", "sips:x"))
	set.Trunks[2].TrunkID = "mine"
	for _, dry := range []bool{true, false} {
		_, _, err := b.Replace(t.Context(), set, dry)
		if got := strings.Join(faultsOf(t, err), "\n"); !strings.Contains(got, "is taken") || !strings.Contains(got, "sips") {
			t.Errorf("dry %v: %s", dry, got)
		}
	}
	if b.engine.Load().Revision() != 3 {
		t.Error("something happened")
	}
}
