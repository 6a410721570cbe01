package main

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestStatesAreUpToDate(t *testing.T) {
	t.Parallel()
	const path = "../../docs/states.md"
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, document(rooms())) {
		t.Errorf("%s does not agree with the tables in the code: go run ./internal/statesdoc", path)
	}
}

// Every edge is in the tables, stands between states the machine has, and is
// decided by its state and input alone.
func TestMachinesAreWhole(t *testing.T) {
	t.Parallel()
	for _, r := range rooms() {
		if len(r.machines) == 0 {
			t.Errorf("%s has no machine", r.path)
		}
		for _, m := range r.machines {
			seen := map[[2]string]bool{}
			for _, e := range m.edges {
				if !slices.Contains(m.states, e.From) || !slices.Contains(m.states, e.To) {
					t.Errorf("%s: %+v: no such state", m.name, e)
				}
				if seen[[2]string{e.From, e.Input}] {
					t.Errorf("%s: %s on %q leads to two states", m.name, e.From, e.Input)
				}
				seen[[2]string{e.From, e.Input}] = true
			}
			if n := strings.Count(string(document([]room{{machines: []machine{m}}})), "\n| "); n != len(m.edges)+1 {
				t.Errorf("%s: %d rows for %d edges", m.name, n-1, len(m.edges))
			}
		}
	}
}

// A package of its own types is described by one line.
func TestDescribe(t *testing.T) {
	t.Parallel()
	type theirEdge struct{ From, Input, To, Actions string }
	type theirMachine struct {
		Name   string
		States []string
		Edges  []theirEdge
	}
	doors := []theirMachine{{
		Name:   "Door",
		States: []string{"wide open", "shut"},
		Edges: []theirEdge{
			{"wide open", "push", "shut", "bang | click"},
			{"wide open", "wind: 64*B", "shut", ""},
			{"wide open", "look", "wide open", ""},
		},
	}}
	got := string(document([]room{describe("house", "Doors.", doors)}))
	want := preface + "\n## house\n\nDoors.\n\n### Door\n\n" +
		"```mermaid\nstateDiagram-v2\n" +
		"    state \"wide open\" as wide_open\n" +
		"    [*] --> wide_open\n" +
		"    wide_open --> wide_open : look\n" +
		"    wide_open --> shut : push<br>wind  64*B\n" +
		"    shut --> [*]\n```\n\n" +
		"| state | input | next | actions |\n|---|---|---|---|\n" +
		"| wide open | push | shut | bang \\| click |\n" +
		"| wide open | wind: 64\\*B | shut |  |\n" +
		"| wide open | look | wide open |  |\n"
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
