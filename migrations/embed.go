// Package migrations holds the database schema as numbered steps, one file per
// step and database. Both directories have the same steps, and the same tables
// and columns come out of them; a test of package store compares them.
//
// A step is never changed once released. The rule is to expand first and
// contract in a later release: the process before and the one after run side
// by side during an upgrade.
package migrations

import (
	"embed"
	"io/fs"
)

//go:embed sqlite/*.sql postgres/*.sql
var files embed.FS

// SQLite returns the steps for SQLite.
func SQLite() fs.FS { return sub("sqlite") }

// Postgres returns the steps for Postgres.
func Postgres() fs.FS { return sub("postgres") }

func sub(dir string) fs.FS {
	f, err := fs.Sub(files, dir)
	if err != nil {
		panic(err) // only for a dir that is not a path
	}
	return f
}
