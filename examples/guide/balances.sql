-- +goose Up
CREATE TABLE balances (account_id bytea PRIMARY KEY, cents bigint NOT NULL);
-- +goose Down
DROP TABLE balances;
