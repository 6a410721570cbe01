package policy

// A Diff is what a replaced set changes.
type Diff struct {
	Added   []Change `json:"added" nullable:"false"`
	Changed []Change `json:"changed" nullable:"false"`
	Removed []Change `json:"removed" nullable:"false"`
}

// A Change names one object, and for a changed one the fields that differ.
type Change struct {
	Kind   string   `json:"kind" enum:"account,trunk,route"`
	Name   string   `json:"name"`
	Fields []string `json:"fields" nullable:"false" doc:"Changed fields"`
}

// Empty reports whether nothing changes.
func (d Diff) Empty() bool { return len(d.Added)+len(d.Changed)+len(d.Removed) == 0 }
