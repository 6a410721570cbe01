package policy

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// fileFormat is the version of the snapshot file's shape.
const fileFormat = 1

// maxFileSize bounds what is read back, in bytes.
const maxFileSize = 1 << 30

// A snapshotFile is what lies on disk: the set from which the snapshot is
// compiled again, with its revision.
type snapshotFile struct {
	Format int  `json:"format"`
	Policy *Set `json:"policy"`
}

// SaveFile writes the set to path, mode 0600, so that a node can route before
// it has reached its database. A crash leaves the old file or the new one,
// never a part: the bytes are on disk before the name is.
func SaveFile(path string, set Set) (err error) {
	data, err := json.Marshal(snapshotFile{Format: fileFormat, Policy: &set})
	if err != nil {
		return fmt.Errorf("policy file %s: %w", path, err)
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("policy file: %w", err)
	}
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("policy file: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the first error is the one to tell
			err = fmt.Errorf("policy file: %w", err)
		}
	}()
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a rename durable where directories can be synced.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	_ = d.Sync() // not every file system can; the rename itself has happened
	return d.Close()
}

// LoadFile reads what [SaveFile] wrote. The error wraps [io/fs.ErrNotExist]
// when there is no file. It does not compile the set.
func LoadFile(path string) (Set, error) {
	f, err := os.Open(path)
	if err != nil {
		return Set{}, fmt.Errorf("policy file: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err != nil {
		return Set{}, fmt.Errorf("policy file: %w", err)
	}
	if len(data) > maxFileSize {
		return Set{}, fmt.Errorf("policy file %s: is longer than %d bytes", path, maxFileSize)
	}
	var file snapshotFile
	if err := json.Unmarshal(data, &file); err != nil {
		return Set{}, fmt.Errorf("policy file %s: %w", path, err)
	}
	if file.Format != fileFormat {
		return Set{}, fmt.Errorf("policy file %s: has format %d, this build reads %d", path, file.Format, fileFormat)
	}
	if file.Policy == nil {
		return Set{}, fmt.Errorf("policy file %s: holds no policy", path)
	}
	return *file.Policy, nil
}
