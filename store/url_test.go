package store

import (
	"strings"
	"testing"
)

func TestSQLitePath(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"sqlite://data/b2bua.db":               "data/b2bua.db",
		"sqlite://b2bua.db":                    "b2bua.db",
		"sqlite:///var/lib/b2bua/b2bua.db":     "/var/lib/b2bua/b2bua.db",
		"sqlite:///a%20b/%3F%23%25.db":         "/a b/?#%.db",
		"sqlite://./x/../data//b2bua.db":       "data/b2bua.db",
		"sqlite://C:/data/b2bua.db":            "C:/data/b2bua.db",
		"sqlite://data/ü.db":                   "data/ü.db",
		"sqlite://":                            "error: must name a file",
		"sqlite://data/":                       "error: must name a file",
		"sqlite://:memory:":                    "error: in memory",
		"sqlite://data/b2bua.db?mode=ro":       "error: takes no options",
		"sqlite://data/b2bua.db#x":             "error: takes no options",
		"sqlite://data/100%.db":                "error: two hexadecimal digits",
		"sqlite://data/%00.db":                 "error: NUL",
		"sqlite:///a/%2e%2e/%2e%2e/etc/b2b.db": "/etc/b2b.db",
	} {
		got, err := sqlitePath(url)
		if text, bad := strings.CutPrefix(want, "error: "); bad {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %q, %v; want %s", url, got, err, want)
			}
		} else if err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", url, got, err, want)
		}
	}
}
