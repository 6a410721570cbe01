package api

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestTokenIsMadeOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "admin.token")
	token, created, err := LoadOrCreateToken(path)
	if err != nil || !created || len(token) != 43 {
		t.Fatalf("got %q, %v, %v; want 43 characters, created", token, created, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	again, created, err := LoadOrCreateToken(path)
	if err != nil || created || again != token {
		t.Errorf("second time: %q, %v, %v; want the same token", again, created, err)
	}
	rest, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(rest) != 1 {
		t.Errorf("left behind: %v, %v", rest, err)
	}
}

// However many start at once, there is one token and everybody has it.
func TestTokenRace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "admin.token")
	var (
		mu      sync.Mutex
		tokens  = map[string]bool{}
		created int
		wg      sync.WaitGroup
	)
	for range 16 {
		wg.Go(func() {
			token, made, err := LoadOrCreateToken(path)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			tokens[token] = true
			if made {
				created++
			}
		})
	}
	wg.Wait()
	if len(tokens) != 1 || created != 1 {
		t.Errorf("%d tokens, made %d times", len(tokens), created)
	}
}

func TestTokenFileRefused(t *testing.T) {
	t.Parallel()
	good := strings.Repeat("k", 40)
	tests := map[string]struct {
		content string
		mode    os.FileMode
		want    string
	}{
		"group may read":  {good, 0o640, "can be read by others (mode 0640); run: chmod 600"},
		"others may read": {good, 0o604, "can be read by others"},
		"short":           {"secret", 0o600, "holds 6 characters, at least 32"},
		"empty":           {"", 0o600, "holds 0 characters"},
		"space inside":    {good + " x", 0o600, "no Authorization header can carry"},
		"not ascii":       {good + "é", 0o600, "no Authorization header can carry"},
		"long":            {strings.Repeat("k", 5000), 0o600, "longer than 4096"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "admin.token")
			if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			token, created, err := LoadOrCreateToken(path)
			if err == nil || token != "" || created || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, %v, %v; want an error with %q", token, created, err, tt.want)
			}
		})
	}
	t.Run("directory", func(t *testing.T) {
		t.Parallel()
		if _, _, err := LoadOrCreateToken(t.TempDir()); err == nil {
			t.Error("a directory was taken for a token")
		}
	})
	t.Run("given by hand", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "admin.token")
		if err := os.WriteFile(path, []byte("\n"+good+"\n"), 0o400); err != nil {
			t.Fatal(err)
		}
		if token, created, err := LoadOrCreateToken(path); token != good || created || err != nil {
			t.Errorf("got %q, %v, %v", token, created, err)
		}
	})
}
