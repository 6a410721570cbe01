package main

import (
	"bytes"
	"fmt"
	"strings"
)

const preface = `<!-- Written by "go run ./internal/statesdoc" from the tables in the code. Do not edit. -->

# States

Every state machine of the program, drawn from the table it runs on. An input that
a state does not list changes nothing there. The diagrams show which inputs lead
where; the tables add what is done on the way.
`

// document returns the whole file.
func document(rooms []room) []byte {
	var b bytes.Buffer
	b.WriteString(preface)
	for _, r := range rooms {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", r.path, r.about)
		for _, m := range r.machines {
			fmt.Fprintf(&b, "\n### %s\n\n", m.name)
			diagram(&b, m)
			b.WriteByte('\n')
			table(&b, m)
		}
	}
	return b.Bytes()
}

// diagram draws m with one arrow per pair of states: Mermaid lays parallel arrows
// over each other.
func diagram(b *bytes.Buffer, m machine) {
	b.WriteString("```mermaid\nstateDiagram-v2\n")
	for _, s := range m.states {
		if id(s) != s {
			fmt.Fprintf(b, "    state %q as %s\n", s, id(s))
		}
	}
	if len(m.states) > 0 {
		fmt.Fprintf(b, "    [*] --> %s\n", id(m.states[0]))
	}
	for _, from := range m.states {
		leaves := false
		for _, to := range m.states {
			if inputs := between(m, from, to); len(inputs) > 0 {
				leaves = true
				fmt.Fprintf(b, "    %s --> %s : %s\n", id(from), id(to), strings.Join(inputs, "<br>"))
			}
		}
		if !leaves {
			fmt.Fprintf(b, "    %s --> [*]\n", id(from))
		}
	}
	b.WriteString("```\n")
}

// between lists the inputs that lead from one state to the other.
func between(m machine, from, to string) (inputs []string) {
	for _, e := range m.edges {
		if e.From == from && e.To == to {
			inputs = append(inputs, label(e.Input))
		}
	}
	return inputs
}

func table(b *bytes.Buffer, m machine) {
	b.WriteString("| state | input | next | actions |\n|---|---|---|---|\n")
	for _, from := range m.states {
		for _, e := range m.edges {
			if e.From == from {
				fmt.Fprintf(b, "| %s | %s | %s | %s |\n", cell(e.From), cell(e.Input), cell(e.To), cell(e.Actions))
			}
		}
	}
}

// id makes a Mermaid identifier of a state's name.
func id(state string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, state)
}

// label makes a text safe in a diagram, where a colon or semicolon ends it.
func label(s string) string {
	return strings.NewReplacer(":", " ", ";", ",", "<", "&lt;", ">", "&gt;").Replace(s)
}

// cell makes a text safe in a Markdown table.
func cell(s string) string { return strings.NewReplacer("|", `\|`, "*", `\*`, "\n", " ").Replace(s) }
