package cdr

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// disk is the edge of the operating system: all that the journal asks of the
// file system while it runs, and the only thing its tests replace.
type disk interface {
	// create makes a new file for appending; it must not exist.
	create(path string) (file, error)
	// open opens a file for reading and truncating.
	open(path string) (file, error)
	// extend opens a file for appending and makes it when it is missing.
	extend(path string) (file, error)
	rename(from, to string) error
	remove(path string) error
	// syncDir makes the names in a directory durable.
	syncDir(dir string) error
}

// file is one open file of a disk.
type file interface {
	io.Writer
	io.ReaderAt
	io.Closer
	Sync() error
	Truncate(size int64) error
}

// osDisk is the real one. Records hold numbers and addresses of people: files
// are for their owner only.
type osDisk struct{}

func (osDisk) create(path string) (file, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
}

func (osDisk) open(path string) (file, error) { return os.OpenFile(path, os.O_RDWR, 0) }

func (osDisk) extend(path string) (file, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
}

func (osDisk) rename(from, to string) error { return os.Rename(from, to) }
func (osDisk) remove(path string) error     { return os.Remove(path) }

func (osDisk) syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// replaceFile writes data to path so that a crash leaves the old content or
// the new one, never a mixture.
func replaceFile(d disk, path string, data []byte) error {
	fresh := path + ".new"
	if err := d.remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := d.create(fresh)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := d.rename(fresh, path); err != nil {
		return err
	}
	return d.syncDir(filepath.Dir(path))
}
