package store

import "database/sql"

// Pools returns the writer's and the readers' pool.
func (s *Store) Pools() (writer, reader *sql.DB) { return s.writer, s.reader }
