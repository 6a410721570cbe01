package archtest

import (
	"bytes"
	"os"
	"regexp"
	"testing"
)

// The repository stands on its own: nothing in it points to where it was
// written. The words are put together here, so that this file does not have
// them.
func TestWords(t *testing.T) {
	t.Parallel()
	forbidden := map[string]*regexp.Regexp{
		"a directory beside the repository":      regexp.MustCompile(`\.\./` + `shared`),
		"a path of one machine":                  regexp.MustCompile(`(^|[^\w.\-/])(/` + `work/|/` + `root/|/` + `home/\w)`),
		"the number of an issue nobody can read": regexp.MustCompile(`(?i)\bissue ` + `#?[0-9]+`),
	}
	seen := 0
	err := walk(true, func(path, full string) error {
		raw, err := os.ReadFile(full)
		if err != nil {
			return err
		}
		seen++
		if bytes.IndexByte(raw, 0) >= 0 {
			return nil // not text
		}
		for i, line := range bytes.Split(raw, []byte("\n")) {
			for what, re := range forbidden {
				if re.Match(line) {
					t.Errorf("%s:%d names %s: %s", path, i+1, what, bytes.TrimSpace(line))
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 100 {
		t.Errorf("only %d files were read", seen)
	}
}
