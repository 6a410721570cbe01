// Package test is the end-to-end tests: the real binary as a child process,
// with SIPp and baresip as its peers, on loopback addresses of their own.
//
// The disasters (disaster_*_test.go) have callers and gateways that keep a
// ledger of every call and attempt, to be held against the table of CDRs line
// by line. A database is away for 20 s each time; with TEST_OUTAGE=1m, as in
// make test-outages, for a minute.
package test
