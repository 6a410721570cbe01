// Package store keeps the policy and the CDRs in a database: rows in, rows
// out. It is the only package that knows SQL. SQLite and Postgres are reached
// through database/sql and one set of statements; what differs between them
// stands in a dialect. Package storetest is the contract that both keep.
package store
