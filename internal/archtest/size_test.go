package archtest

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// Lines. Beyond the wall the test fails; beyond the limit it says so under -v,
// and the next who touches the place should split it.
const (
	fileLimit, fileWall         = 400, 600
	functionLimit, functionWall = 60, 100
	parameterLimit              = 5
	parameterWall               = 7
)

func TestFileSize(t *testing.T) {
	t.Parallel()
	var long []string
	for _, s := range tree(t) {
		switch {
		case s.made:
		case s.lines > fileWall:
			t.Errorf("%s has %d lines, the wall is %d: one concept per file", s.path, s.lines, fileWall)
		case s.lines > fileLimit:
			long = append(long, fmt.Sprintf("%s: %d lines", s.path, s.lines))
		}
	}
	report(t, fmt.Sprintf("files over %d lines", fileLimit), long)
}

// Tests are tables as often as they are steps; for them the wall is the limit
// of what is reported.
func TestFunctionSize(t *testing.T) {
	t.Parallel()
	var long []string
	for _, s := range tree(t) {
		if s.made {
			continue
		}
		functions(s, func(f *ast.FuncDecl) {
			lines := s.set.Position(f.End()).Line - s.set.Position(f.Pos()).Line + 1
			switch {
			case lines > functionWall && !s.test:
				t.Errorf("%s: %s has %d lines, the wall is %d", s.at(f), f.Name.Name, lines, functionWall)
			case lines > functionLimit && (!s.test || lines > functionWall):
				long = append(long, fmt.Sprintf("%s: %s: %d lines", s.at(f), f.Name.Name, lines))
			}
		})
	}
	report(t, fmt.Sprintf("functions over %d lines (tests over %d)", functionLimit, functionWall), long)
}

func TestParameters(t *testing.T) {
	t.Parallel()
	var long []string
	for _, s := range tree(t) {
		if s.made {
			continue
		}
		functions(s, func(f *ast.FuncDecl) {
			n := 0
			for _, p := range f.Type.Params.List {
				n += max(1, len(p.Names))
			}
			switch {
			case n > parameterWall && !s.test:
				t.Errorf("%s: %s has %d parameters, the wall is %d: take a struct", s.at(f), f.Name.Name, n, parameterWall)
			case n > parameterLimit:
				long = append(long, fmt.Sprintf("%s: %s: %d parameters", s.at(f), f.Name.Name, n))
			}
		})
	}
	report(t, fmt.Sprintf("functions with more than %d parameters", parameterLimit), long)
}

func report(t *testing.T, what string, found []string) {
	t.Helper()
	if len(found) > 0 {
		slices.Sort(found)
		t.Logf("%d %s:\n%s", len(found), what, strings.Join(found, "\n"))
	}
}
