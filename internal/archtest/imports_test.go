package archtest

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// order is who may import whom: a package imports only from lines above its
// own, never sideways. A package that is not here, or in aside, does not
// exist.
var order = [][]string{
	{"sdp", "policy", "legs/sipmsg", "internal/config", "internal/gate", "internal/uring"},
	{"legs/shard", "legs/transport", "legs/txn", "legs/resolve", "rtprelay", "cdr", "migrations"},
	{"legs", "registrar"},
	{"bridge"},
	{"store", "api", "cluster"},
	{"internal/demo"},
	{"cmd/b2bua", "internal/statesdoc"},
}

// aside are packages for tests only, with the line of order that they may
// import up to and including. Nothing but tests, and each other, imports them.
var aside = map[string]int{
	"policy/policytest": 0,
	"internal/siptest":  0,
	"store/storetest":   4,
	"internal/pgtest":   4,
	"internal/archtest": 6,
	"test":              6,
	"bench":             6,
}

// A ban is an import that order would allow and the design does not.
type ban struct {
	from    string   // the package, and those below it; empty means every package
	to      []string // what it must not import, with what is below: packages of ours, or modules
	except  []string // with from, what it may import all the same; without, who may
	exactly bool     // not what is below
	tests   bool     // its tests neither
	why     string
}

var bans = []ban{
	{from: "legs", to: []string{"sdp", "rtprelay", "cdr"}, why: "a leg treats bodies as opaque bytes; only bridge knows legs, SDP and media together"},
	{from: "rtprelay", to: []string{"sdp", "legs/sipmsg", "policy", "cdr"}, why: "the relay can be used without SIP"},
	{from: "api", to: []string{"bridge", "legs", "rtprelay", "sdp", "internal/config"}, why: "api declares the small interfaces it needs; cmd/b2bua passes the values"},
	{from: "store", to: []string{"bridge", "legs", "rtprelay", "sdp", "internal/config"}, why: "the store knows rows, not calls"},
	{
		from: "internal/demo", to: []string{"legs", "bridge", "rtprelay", "policy", "store"}, except: []string{"legs/sipmsg"},
		why: "the phones share nothing with the server above sipmsg, or they would prove nothing",
	},
	{to: []string{"github.com/jackc/pgx", "modernc.org/sqlite", "database/sql"}, except: []string{"store", "migrations", "internal/pgtest"}, why: "only the store speaks SQL"},
	{to: []string{"github.com/emiago/sipgo"}, why: "sipgo's parser is the oracle of tests"},
	{to: []string{"github.com/danielgtaylor/huma", "github.com/go-chi/chi"}, except: []string{"api"}, why: "only the API knows HTTP routing"},
	{to: []string{"github.com/pion/sdp"}, why: "pion/sdp is the oracle of tests"},
	{to: []string{"github.com/stretchr/testify"}, tests: true, why: "the testing package and go-cmp"},
	{to: []string{"log"}, exactly: true, tests: true, why: "log/slog"},
}

// lineOf returns the line of order that dir stands on, and whether it is for
// tests only.
func lineOf(dir string) (line int, testOnly, known bool) {
	for i, rooms := range order {
		if slices.Contains(rooms, dir) {
			return i, false, true
		}
	}
	for room, line := range aside {
		if dir == room || ((room == "test" || room == "bench") && strings.HasPrefix(dir, room+"/")) {
			return line, true, true
		}
	}
	return 0, false, false
}

func TestImportOrder(t *testing.T) {
	t.Parallel()
	for _, s := range tree(t) {
		line, testOnly, known := lineOf(s.dir)
		if !known {
			t.Errorf("%s: package %s is not in the import order: give it a line in internal/archtest and in docs/architecture.md", s.path, s.dir)
			continue
		}
		for _, spec := range s.file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			dir, ours := strings.CutPrefix(path, module+"/")
			if !ours || dir == s.dir {
				continue // its own package, from an external test
			}
			to, toTestOnly, known := lineOf(dir)
			switch {
			case !known:
				t.Errorf("%s imports %s, which is not in the import order", s.at(spec), dir)
			case toTestOnly && !s.test && !testOnly:
				t.Errorf("%s imports %s, which is for tests", s.at(spec), dir)
			case toTestOnly:
			case testOnly && to > line:
				t.Errorf("%s: %s may import up to line %d, and %s is on line %d", s.at(spec), s.dir, line, dir, to)
			case !testOnly && to >= line:
				t.Errorf("%s: %s (line %d) imports %s (line %d): only from lines above", s.at(spec), s.dir, line, dir, to)
			}
		}
	}
}

func TestBannedImports(t *testing.T) {
	t.Parallel()
	for _, s := range tree(t) {
		for _, spec := range s.file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range bans {
				if b.forbids(s, strings.TrimPrefix(path, module+"/")) {
					t.Errorf("%s: %s must not import %s: %s", s.at(spec), s.dir, path, b.why)
				}
			}
		}
	}
}

func (b ban) forbids(s *source, path string) bool {
	_, testOnly, _ := lineOf(s.dir)
	if (s.test || testOnly) && !b.tests {
		return false
	}
	if b.exactly && !slices.Contains(b.to, path) {
		return false
	}
	if b.from == "" {
		return under(path, b.to) && !under(s.dir, b.except)
	}
	return under(s.dir, []string{b.from}) && under(path, b.to) && !under(path, []string{b.from}) && !under(path, b.except)
}

// under reports whether path is one of the rooms or below one of them.
func under(path string, rooms []string) bool {
	return slices.ContainsFunc(rooms, func(room string) bool {
		return path == room || strings.HasPrefix(path, room+"/")
	})
}

// The table cannot say two things about one package.
func TestOrderNamesEachPackageOnce(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for room := range aside {
		seen[room] = true
	}
	for _, rooms := range order {
		for _, room := range rooms {
			if seen[room] {
				t.Errorf("%s stands twice", room)
			}
			seen[room] = true
		}
	}
}
