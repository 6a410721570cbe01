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

func TestCreateIsInForceAtOnce(t *testing.T) {
	b := newBench(t)
	b.smallest(t)
	s := b.engine.Load()
	plan, err := s.Plan(policy.Query{Source: source("127.0.0.1:5061"), Called: "33123456789"})
	if err != nil || uriList(plan) != "127.0.0.2:5062" || plan.Revision != 3 {
		t.Errorf("%+v (%v)", plan, err)
	}
	pbx := b.trunk(t, "pbx")
	at := time.Date(2026, 1, 2, 2, 4, 5, 678901000, time.UTC)
	if pbx.CreatedAt != at || pbx.UpdatedAt != at || len(pbx.TrunkID) != 36 || pbx.TrunkID[14] != '7' {
		t.Errorf("not UTC microseconds or no UUIDv7: %+v", pbx)
	}
	byID := b.trunk(t, pbx.TrunkID)
	if byID.Name != "pbx" {
		t.Errorf("by id: %+v", byID)
	}
	saved, err := policy.LoadFile(b.file)
	if err != nil || saved.Revision != 3 || len(saved.Trunks) != 2 {
		t.Errorf("file: %+v (%v)", saved, err)
	}
	if e := b.Explain(policy.Query{Source: source("127.0.0.1:5061")}); e.Plan == nil {
		t.Errorf("explain: %+v", e.Refusal)
	}
}

func TestRefusedChangesChangeNothing(t *testing.T) {
	b := newBench(t)
	b.smallest(t)
	ctx := t.Context()
	before := b.engine.Load()
	bad := trunk("bad", "sips:x")
	bad.Media = "both"
	var faults *policy.FaultError
	_, err := b.Trunks().Create(ctx, bad)
	if !errors.As(err, &faults) || len(faults.Faults) != 2 {
		t.Errorf("create: %v", err)
	}
	_, err = b.Trunks().Create(ctx, trunk("pbx"))
	if !errors.Is(err, policy.ErrConflict) || !strings.Contains(err.Error(), `trunk "pbx" exists`) {
		t.Errorf("create twice: %v", err)
	}
	_, err = b.Trunks().Patch(ctx, "pbx", func(t *policy.Trunk) error { t.Name = "carrier"; return nil })
	if !errors.Is(err, policy.ErrConflict) {
		t.Errorf("rename to a name that is taken: %v", err)
	}
	own := errors.New("no")
	_, err = b.Trunks().Patch(ctx, "pbx", func(t *policy.Trunk) error { t.Sources[0] = "0.0.0.0/0"; return own })
	if !errors.Is(err, own) {
		t.Errorf("edit fails: %v", err)
	}
	_, err = b.Trunks().Patch(ctx, "pbx", func(t *policy.Trunk) error { return json.Unmarshal([]byte(`{"colour":"red"}`), t) })
	if !errors.As(err, &faults) || faults.Faults[0].Field != "colour" {
		t.Errorf("unknown field: %v", err)
	}
	if err := b.Trunks().Delete(ctx, "carrier"); !errors.Is(err, policy.ErrConflict) || !strings.Contains(err.Error(), `is used by route "everything"`) {
		t.Errorf("delete what is used: %v", err)
	}
	for name, err := range map[string]error{
		"get":    second(b.Routes().Get(ctx, "none")),
		"get id": second(b.Routes().Get(ctx, "01890a5d-ac96-774b-bcce-b302099a8057")),
		"patch":  second(b.Routes().Patch(ctx, "none", func(*policy.Route) error { return nil })),
		"delete": b.Routes().Delete(ctx, "none"),
	} {
		if !errors.Is(err, policy.ErrNotFound) || !strings.Contains(err.Error(), "route") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b.engine.Load() != before {
		t.Error("the snapshot was swapped")
	}
	if stored := b.stored(t); stored.Revision != 3 {
		t.Errorf("stored revision %d", stored.Revision)
	}
}

func TestPatchKeepsIdentityAndCarriesNames(t *testing.T) {
	b := newBench(t)
	b.smallest(t)
	ctx := t.Context()
	for _, name := range []string{"r1", "r2", "r3"} {
		r := route(name, name, "pbx")
		r.Match.InboundTrunk = "carrier"
		ok(t, second(b.Routes().Create(ctx, r)))
	}
	account, err := b.Accounts().Create(ctx, policy.NewAccount("acme"))
	ok(t, err)
	old := b.trunk(t, "carrier")
	b.now = b.now.Add(time.Hour)
	renamed, err := b.Trunks().Patch(ctx, old.TrunkID, func(t *policy.Trunk) error {
		t.TrunkID, t.CreatedAt = "forged", time.Time{}
		t.Name, t.Account = "vendor", "acme"
		return nil
	})
	ok(t, err)
	want := old
	want.Name, want.Account, want.UpdatedAt = "vendor", "acme", old.UpdatedAt.Add(time.Hour)
	if d := cmp.Diff(want, renamed); d != "" {
		t.Error(d)
	}
	if r, err := b.Routes().Get(ctx, "everything"); err != nil || r.Targets[0].Trunk != "vendor" || r.UpdatedAt != want.UpdatedAt {
		t.Errorf("the route does not follow: %+v (%v)", r, err)
	}
	for _, name := range []string{"r1", "r2", "r3"} {
		if r, err := b.Routes().Get(ctx, name); err != nil || r.Match.InboundTrunk != "vendor" || r.Targets[0].Trunk != "pbx" {
			t.Errorf("%s does not follow: %+v (%v)", name, r, err)
		}
	}
	if err := b.Trunks().Delete(ctx, "vendor"); !strings.HasSuffix(fmt.Sprint(err), `is used by route "everything", route "r1", route "r2" and 1 more`) {
		t.Errorf("delete the trunk: %v", err)
	}
	for _, name := range []string{"r1", "r2", "r3"} {
		ok(t, b.Routes().Delete(ctx, name))
	}
	if err := b.Accounts().Delete(ctx, account.AccountID); !errors.Is(err, policy.ErrConflict) || !strings.Contains(err.Error(), `trunk "vendor"`) {
		t.Errorf("delete the account: %v", err)
	}
	if _, err = b.Accounts().Patch(ctx, "acme", func(a *policy.Account) error { a.Name = "umbrella"; return nil }); err != nil {
		t.Fatal(err)
	}
	if v := b.trunk(t, "vendor"); v.Account != "umbrella" {
		t.Errorf("the trunk does not follow: %+v", v)
	}
	for _, del := range []error{b.Routes().Delete(ctx, "everything"), b.Trunks().Delete(ctx, "vendor"), b.Accounts().Delete(ctx, "umbrella")} {
		if del != nil {
			t.Error(del)
		}
	}
	if set, err := b.Set(ctx); err != nil || len(set.Trunks) != 1 || len(set.Routes)+len(set.Accounts) != 0 || set.Revision != 15 {
		t.Errorf("%+v (%v)", set, err)
	}
}

// A patch or document that changes nothing counts no revision.
func TestUnchanged(t *testing.T) {
	b := newBench(t)
	b.smallest(t)
	ctx := t.Context()
	b.now = b.now.Add(time.Hour)
	before := b.engine.Load()
	old := b.trunk(t, "pbx")
	same, err := b.Trunks().Patch(ctx, "pbx", func(t *policy.Trunk) error { t.Enabled = true; return nil })
	ok(t, err)
	if d := cmp.Diff(old, same); d != "" {
		t.Error(d)
	}
	set, _ := b.Set(ctx)
	diff, after, err := b.Replace(ctx, set, false)
	if err != nil || !diff.Empty() {
		t.Errorf("%+v (%v)", diff, err)
	}
	if d := cmp.Diff(set, after); d != "" {
		t.Error(d)
	}
	if b.engine.Load() != before {
		t.Error("the snapshot was swapped")
	}
}

func TestPages(t *testing.T) {
	b := newBench(t)
	set := policy.Set{}
	for i := range 25 {
		set.Accounts = append(set.Accounts, policy.NewAccount(fmt.Sprintf("a%02d", i)))
	}
	ctx := t.Context()
	if _, _, err := b.Replace(ctx, set, false); err != nil {
		t.Fatal(err)
	}
	var names []string
	cursor := ""
	for page := 0; ; page++ {
		items, next, err := b.Accounts().List(ctx, cursor, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range items {
			names = append(names, a.Name)
		}
		if page == 0 { // between pages, objects before, at and after the cursor come and go
			ok(t, b.Accounts().Delete(ctx, "a09"))
			ok(t, b.Accounts().Delete(ctx, "a24"))
			ok(t, second(b.Accounts().Create(ctx, policy.NewAccount("a00b"))))
			ok(t, second(b.Accounts().Create(ctx, policy.NewAccount("a19b"))))
		}
		if cursor = next; next == "" {
			break
		}
	}
	want := "a00 a01 a02 a03 a04 a05 a06 a07 a08 a09 a10 a11 a12 a13 a14 a15 a16 a17 a18 a19 a19b a20 a21 a22 a23"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if items, next, err := b.Accounts().List(ctx, "", 0); err != nil || len(items) != 25 || next != "" {
		t.Errorf("default limit: %d %q %v", len(items), next, err)
	}
	if items, next, err := b.Routes().List(ctx, "", 5); err != nil || items == nil || len(items) != 0 || next != "" {
		t.Errorf("nothing: %v %q %v", items, next, err)
	}
	if _, _, err := b.Accounts().List(ctx, "!", 5); len(faultsOf(t, err)) != 1 {
		t.Errorf("bad cursor: %v", err)
	}
}
