package policy

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNotFound is what a look-up of an id or name that does not exist wraps.
var ErrNotFound = errors.New("not found")

// ErrConflict is what a change wraps that the rest of the policy forbids: a
// name that is taken, an object that is in use. The text names the other one.
var ErrConflict = errors.New("conflict")

// A Fault is one thing wrong with a policy document, told so that a user can
// mend it without reading code.
type Fault struct {
	Object  string `json:"object" doc:"account, trunk, route or policy"`
	Name    string `json:"name" doc:"Name of the object; empty when it has none"`
	Field   string `json:"field" doc:"Path inside the object: gateways[0].uri"`
	Value   string `json:"value" doc:"The offending value, cut to 100 characters"`
	Message string `json:"message" doc:"What would be right, with the bound"`
}

// String returns the fault as one line:
//
//	trunk "pbx": gateways[0].uri "sips:pbx": must begin with sip:
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.Object)
	if f.Name != "" {
		fmt.Fprintf(&b, " %q", f.Name)
	}
	if f.Field != "" {
		fmt.Fprintf(&b, ": %s", f.Field)
	}
	if f.Value != "" {
		fmt.Fprintf(&b, " %q", f.Value)
	}
	b.WriteString(": ")
	b.WriteString(f.Message)
	return b.String()
}

// A FaultError is every fault of a document that was refused. It is never
// empty.
type FaultError struct{ Faults []Fault }

// Error returns the faults, one a line.
func (e *FaultError) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}
