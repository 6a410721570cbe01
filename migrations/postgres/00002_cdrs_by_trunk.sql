-- The calls of one trunk, newest first, without reading everybody else's.

-- +goose Up
CREATE INDEX cdrs_by_inbound_trunk ON cdrs (inbound_trunk, started_at);
CREATE INDEX cdrs_by_outbound_trunk ON cdrs (outbound_trunk, started_at);

-- +goose Down
DROP INDEX cdrs_by_outbound_trunk;
DROP INDEX cdrs_by_inbound_trunk;
