package archtest

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "b2bua"

// A source is one parsed Go file.
type source struct {
	path  string // from the root, with slashes
	dir   string // package path from the root; "." for the root
	test  bool   // ends in _test.go
	lines int
	set   *token.FileSet
	file  *ast.File
	made  bool // generated
}

// at is a position as an editor understands it.
func (s *source) at(n ast.Node) string { return s.path + ":" + line(s, n) }

func line(s *source, n ast.Node) string {
	return strings.TrimPrefix(s.set.Position(n.Pos()).String(), s.set.Position(n.Pos()).Filename+":")
}

// root is the directory of the module.
func root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if raw, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && strings.HasPrefix(string(raw), "module "+module+"\n") {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod of module " + module + " above the test")
		}
		dir = up
	}
}

// walk calls visit for every file that belongs to the repository. Other
// modules in it (tools/) are passed over unless all is set.
func walk(all bool, visit func(path, full string) error) error {
	base, err := root()
	if err != nil {
		return err
	}
	return filepath.WalkDir(base, func(full string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path, err := filepath.Rel(base, full)
		if err != nil {
			return err
		}
		path = filepath.ToSlash(path)
		if path == ".git" && !d.IsDir() {
			return nil // that of a second work tree, which names the first
		}
		if !d.IsDir() {
			return visit(path, full)
		}
		if slices.Contains([]string{".git", "bin", "data"}, path) {
			return fs.SkipDir
		}
		if _, err := os.Stat(filepath.Join(full, "go.mod")); err == nil && path != "." && !all {
			return fs.SkipDir
		}
		return nil
	})
}

// sources parses every Go file of the module, once for all tests.
var sources = sync.OnceValues(func() ([]*source, error) {
	var out []*source
	err := walk(false, func(path, full string) error {
		if !strings.HasSuffix(path, ".go") || strings.Contains("/"+path, "/testdata/") {
			return nil
		}
		raw, err := os.ReadFile(full)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, full, raw, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := "."
		if i := strings.LastIndexByte(path, '/'); i >= 0 {
			dir = path[:i]
		}
		out = append(out, &source{
			path: path, dir: dir, test: strings.HasSuffix(path, "_test.go"),
			lines: strings.Count(string(raw), "\n"), set: set, file: file, made: ast.IsGenerated(file),
		})
		return nil
	})
	return out, err
})

// tree returns the sources, at least those of a repository that is whole.
func tree(t *testing.T) []*source {
	t.Helper()
	all, err := sources()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Fatalf("only %d Go files were found", len(all))
	}
	return all
}

// functions calls visit for every function and method of s.
func functions(s *source, visit func(*ast.FuncDecl)) {
	for _, d := range s.file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			visit(f)
		}
	}
}
