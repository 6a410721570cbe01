package store_test

import (
	"cmp"
	"context"
	"database/sql"
	"regexp"
	"slices"
	"strings"
	"testing"

	diff "github.com/google/go-cmp/cmp"

	"b2bua/internal/pgtest"
	"b2bua/store"
)

// A schema is all names of a database: "table column", with "not null" and the
// place in the primary key; "constraint name" and "index name".
func schema(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

const sqliteColumns = `
	SELECT m.name || ' ' || format('%02d', c.cid) || ' ' || c.name || CASE WHEN c."notnull" THEN ' not null' ELSE '' END ||
		CASE WHEN c.pk > 0 THEN ' key ' || c.pk ELSE '' END
	FROM sqlite_master m, pragma_table_info(m.name) c
	WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> 'goose_db_version'`

const postgresColumns = `
	SELECT t.relname || ' ' || to_char(a.attnum - 1, 'FM00') || ' ' || a.attname || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END ||
		COALESCE(' key ' || array_position(k.conkey::int[], a.attnum::int), '')
	FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0
		LEFT JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = 'p'
	WHERE t.relnamespace = 'public'::regnamespace AND t.relkind IN ('r', 'p') AND NOT t.relispartition
		AND t.relname <> 'goose_db_version'`

const postgresConstraints = `
	SELECT k.conname FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid
	WHERE k.connamespace = 'public'::regnamespace AND k.contype IN ('c', 'f', 'u') AND NOT t.relispartition`

const postgresIndexes = `
	SELECT i.relname || ' on ' || t.relname
	FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
	WHERE i.relnamespace = 'public'::regnamespace AND NOT x.indisunique AND NOT t.relispartition`

// Both databases have the same tables, columns, keys, constraints and indexes
// by name; SQLite alone needs constraints for what Postgres has types for.
func TestSchemaParity(t *testing.T) {
	t.Parallel()
	lite, full := open(t, sqliteURL(t)), open(t, pgtest.URL(t))
	liteDB, _ := lite.Pools()
	fullDB, _ := full.Pools()
	if d := diff.Diff(schema(t, liteDB, sqliteColumns), schema(t, fullDB, postgresColumns)); d != "" {
		t.Errorf("columns: -sqlite +postgres\n%s", d)
	}
	constraint := regexp.MustCompile(`CONSTRAINT (\w+) (?:CHECK|UNIQUE|FOREIGN)`)
	var names []string
	for _, create := range schema(t, liteDB, "SELECT sql FROM sqlite_master WHERE type = 'table'") {
		for _, m := range constraint.FindAllStringSubmatch(create, -1) {
			if !regexp.MustCompile(`_(boolean|list|map)$`).MatchString(m[1]) {
				names = append(names, m[1])
			}
		}
	}
	slices.Sort(names)
	if d := diff.Diff(names, schema(t, fullDB, postgresConstraints)); d != "" {
		t.Errorf("constraints: -sqlite +postgres\n%s", d)
	}
	indexes := schema(t, liteDB, "SELECT name || ' on ' || tbl_name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
	if d := diff.Diff(indexes, schema(t, fullDB, postgresIndexes)); d != "" {
		t.Errorf("indexes: -sqlite +postgres\n%s", d)
	}
	if len(names) < 20 || len(indexes) < 5 {
		t.Errorf("%d constraints and %d indexes: the queries find too little", len(names), len(indexes))
	}
}

// Every text column of Postgres compares octet by octet; every time has a zone.
func TestPostgresTypes(t *testing.T) {
	t.Parallel()
	_, db := open(t, pgtest.URL(t)).Pools()
	wrong := schema(t, db, `
		SELECT table_name || '.' || column_name || ' ' || data_type FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name <> 'goose_db_version'
			AND (data_type = 'text' AND collation_name IS DISTINCT FROM 'C'
				OR data_type NOT IN ('text', 'bigint', 'boolean', 'jsonb', 'timestamp with time zone'))`)
	if len(wrong) > 0 {
		t.Errorf("columns: %s", strings.Join(wrong, ", "))
	}
}

// A record of any time finds a partition, its own day's when there is one.
func TestPostgresPartitions(t *testing.T) {
	t.Parallel()
	s := open(t, pgtest.URL(t))
	db, _ := s.Pools()
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE cdrs_day PARTITION OF cdrs FOR VALUES FROM ('2026-03-01Z') TO ('2026-03-02Z')`); err != nil {
		t.Fatal(err)
	}
	for day := 1; day <= 3; day++ {
		save(t, s, record(day))
	}
	got := schema(t, db, "SELECT tableoid::regclass || ' ' || call_id FROM cdrs")
	want := []string{"cdrs_day " + record(1).CallID, "cdrs_default " + record(2).CallID, "cdrs_default " + record(3).CallID}
	slices.SortFunc(want, cmp.Compare)
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func open(t testing.TB, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
