//go:build !unix

package cdr

import (
	"fmt"
	"os"
	"path/filepath"
)

// lockDir opens the lock file. Without flock a second process is not refused.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cdr: journal: %w", err)
	}
	return f, nil
}
