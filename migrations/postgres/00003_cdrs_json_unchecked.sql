-- Nothing to do: here the columns are jsonb. SQLite has a step of this number.

-- +goose Up
SELECT 1;

-- +goose Down
SELECT 1;
