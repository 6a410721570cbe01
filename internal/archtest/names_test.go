package archtest

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A package is named for what it knows, not for being shared.
func TestPackageNames(t *testing.T) {
	t.Parallel()
	forbidden := []string{"util", "utils", "common", "types", "helpers", "helper", "models", "model", "misc", "shared", "base"}
	for _, s := range tree(t) {
		if slices.Contains(forbidden, strings.TrimSuffix(s.file.Name.Name, "_test")) || slices.Contains(forbidden, path.Base(s.dir)) {
			t.Errorf("%s: no package is called %s", s.path, s.file.Name.Name)
		}
	}
}

// Every package says what it is for, in one place.
func TestPackageDocs(t *testing.T) {
	t.Parallel()
	docs := map[string][]string{}
	for _, s := range tree(t) {
		if s.test {
			continue
		}
		docs[s.dir] = append(docs[s.dir], "")
		if s.file.Doc == nil {
			continue
		}
		text := s.file.Doc.Text()
		first := "Package " + s.file.Name.Name + " "
		if s.file.Name.Name == "main" {
			first = "Command " + path.Base(s.dir) + " "
		}
		if !strings.HasPrefix(text, first) {
			t.Errorf("%s: its package comment must begin with %q", s.path, first)
		}
		docs[s.dir] = append(docs[s.dir], text)
	}
	for dir, texts := range docs {
		texts = slices.DeleteFunc(texts, func(s string) bool { return s == "" })
		if len(texts) != 1 {
			t.Errorf("package %s has %d package comments, want 1", dir, len(texts))
		}
	}
}

// Exported means documented, and nothing happens behind one's back.
func TestDeclarations(t *testing.T) {
	t.Parallel()
	for _, s := range tree(t) {
		if s.test || s.made {
			continue
		}
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == "init" {
					t.Errorf("%s: no init: what happens at start is called by somebody", s.at(d))
				}
				if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) && !wellKnown(d) {
					t.Errorf("%s: %s is exported and not documented", s.at(d), d.Name.Name)
				}
			case *ast.GenDecl:
				declaration(t, s, d)
			}
		}
	}
}

// wellKnown reports whether everybody knows what a method of that name does.
func wellKnown(d *ast.FuncDecl) bool {
	return d.Recv != nil && slices.Contains([]string{"Error", "String", "Unwrap"}, d.Name.Name)
}

// exportedReceiver reports whether a function is a package's own or a method
// that users of the package can reach.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	t := d.Recv.List[0].Type
	for {
		switch u := t.(type) {
		case *ast.StarExpr:
			t = u.X
		case *ast.IndexExpr:
			t = u.X
		case *ast.IndexListExpr:
			t = u.X
		case *ast.Ident:
			return u.IsExported()
		default:
			return false
		}
	}
}

// declaration wants a comment on each exported type, and for constants and
// variables one on the line, the name or the group.
func declaration(t *testing.T, s *source, d *ast.GenDecl) {
	t.Helper()
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Name.IsExported() && spec.Doc == nil && d.Doc == nil {
				t.Errorf("%s: type %s is exported and not documented", s.at(spec), spec.Name.Name)
			}
		case *ast.ValueSpec:
			for _, name := range spec.Names {
				if name.IsExported() && spec.Doc == nil && spec.Comment == nil && d.Doc == nil {
					t.Errorf("%s: %s is exported and not documented", s.at(spec), name.Name)
				}
			}
		}
	}
}

// A test that is skipped proves nothing, and one that sleeps proves the
// machine's mood. In a file that uses testing/synctest a sleep is the fake
// clock's and takes no time.
func TestTestsNeitherSkipNorSleep(t *testing.T) {
	t.Parallel()
	for _, s := range tree(t) {
		_, testOnly, _ := lineOf(s.dir)
		if !s.test && !testOnly {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			f, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			on, _ := f.X.(*ast.Ident)
			switch {
			case on == nil:
			case slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, f.Sel.Name) && slices.Contains([]string{"t", "b", "f", "tb"}, on.Name):
				t.Errorf("%s: no test is skipped: what it needs is installed, or the test is not here", s.at(call))
			case on.Name == "time" && f.Sel.Name == "Sleep" && !imports(s, "testing/synctest"):
				t.Errorf("%s: no test sleeps: inject the time, use testing/synctest, or wait for a named signal", s.at(call))
			}
			return true
		})
	}
}

func imports(s *source, path string) bool {
	return slices.ContainsFunc(s.file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == strconv.Quote(path) })
}

// No package keeps state beside its values: variables are errors, tables and
// compile-time checks, and nobody assigns to them.
func TestPackageVariablesAreNotAssigned(t *testing.T) {
	t.Parallel()
	variables := map[string]map[string]bool{} // by package, name
	for _, s := range tree(t) {
		for _, d := range s.file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR || s.test {
				continue
			}
			for _, spec := range g.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					if name.Name == "_" {
						continue // a compile-time check
					}
					if variables[s.dir] == nil {
						variables[s.dir] = map[string]bool{}
					}
					variables[s.dir][name.Name] = true
				}
			}
		}
	}
	for _, s := range tree(t) {
		if s.test {
			continue
		}
		functions(s, func(f *ast.FuncDecl) {
			local := localNames(f)
			ast.Inspect(f, func(n ast.Node) bool {
				a, ok := n.(*ast.AssignStmt)
				if !ok || a.Tok == token.DEFINE {
					return true
				}
				for _, l := range a.Lhs {
					if id, ok := l.(*ast.Ident); ok && variables[s.dir][id.Name] && !local[id.Name] {
						t.Errorf("%s: %s is a package variable: state lives in values", s.at(a), id.Name)
					}
				}
				return true
			})
		})
	}
}

// localNames are the names that f declares anywhere, which hide a package's.
func localNames(f *ast.FuncDecl) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			for _, id := range n.Names {
				names[id.Name] = true
			}
		case *ast.ValueSpec:
			for _, id := range n.Names {
				names[id.Name] = true
			}
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, l := range n.Lhs {
					if id, ok := l.(*ast.Ident); ok {
						names[id.Name] = true
					}
				}
			}
		}
		return true
	})
	return names
}
