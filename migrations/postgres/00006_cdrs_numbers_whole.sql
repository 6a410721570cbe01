-- Nothing to do: an entry of an index may not be long here. SQLite has a step of
-- this number.

-- +goose Up
SELECT 1;

-- +goose Down
SELECT 1;
