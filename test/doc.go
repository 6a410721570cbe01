// Package test is the end-to-end tests: the real binary as a child process,
// with SIPp and baresip as its peers, on loopback addresses of their own.
package test
