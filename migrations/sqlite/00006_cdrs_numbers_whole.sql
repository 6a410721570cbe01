-- An index of plain columns: a function in an index may fail, and a statement
-- that may fail half-way has SQLite copy every page that it changes. A long
-- number goes on in other pages here; it is not refused, as it is by Postgres.

-- +goose Up
DROP INDEX cdrs_by_caller;
DROP INDEX cdrs_by_called;
CREATE INDEX cdrs_by_caller ON cdrs (caller, started_at);
CREATE INDEX cdrs_by_called ON cdrs (called, started_at);

-- +goose Down
DROP INDEX cdrs_by_called;
DROP INDEX cdrs_by_caller;
CREATE INDEX cdrs_by_caller ON cdrs (substr(caller, 1, 64), started_at);
CREATE INDEX cdrs_by_called ON cdrs (substr(called, 1, 64), started_at);
