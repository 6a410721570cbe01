package policy_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"b2bua/policy"
)

func TestFileRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "policy.json") // the directory is made
	for revision := range int64(3) {                          // and the file replaced
		set := richSet()
		set.Revision = revision
		if err := policy.SaveFile(path, set); err != nil {
			t.Fatal(err)
		}
		back, err := policy.LoadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(set, back); d != "" {
			t.Error(d)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v)", info.Mode(), err)
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestFileRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := policy.LoadFile(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	for name, tc := range map[string]struct{ content, says string }{
		"torn":    {`{"format":1,"policy":{"trunks":[`, "unexpected end"},
		"empty":   {``, "unexpected end"},
		"format":  {`{"format":2,"policy":{}}`, "has format 2, this build reads 1"},
		"unknown": {`{"format":1,"policy":{"queues":[]}}`, "queues"},
		"null":    {`{"format":1,"policy":null}`, "holds no policy"},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(tc.content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := policy.LoadFile(path)
		if err == nil || !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want something with %q and the file's name", name, err, tc.says)
		}
	}
}

// A file that cannot be written leaves the old one alone.
func TestSaveFileFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "policy")
	if err := os.MkdirAll(filepath.Join(path, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := policy.SaveFile(path, richSet()); err == nil {
		t.Error("a directory was replaced")
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := policy.SaveFile(filepath.Join("/dev/null", "x"), richSet()); err == nil {
		t.Error("a file was written below /dev/null")
	}
}
