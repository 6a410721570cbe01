-- Nothing to do: Postgres compares in place. SQLite has a step of this number.

-- +goose Up
SELECT 1;

-- +goose Down
SELECT 1;
