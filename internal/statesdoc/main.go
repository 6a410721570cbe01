// Command statesdoc writes docs/states.md from the tables that the state machines
// run on. Run it from the root of the module; its test fails when the file has
// drifted.
//
//	go run ./internal/statesdoc
package main

import (
	"flag"
	"fmt"
	"os"

	"b2bua/bridge"
	"b2bua/legs"
	"b2bua/legs/txn"
)

// rooms lists the packages that have machines, from the wire upwards. A package
// that gains some adds its line here.
func rooms() []room {
	return []room{
		describe("legs/txn", "Transactions: one request, its responses, and their retransmission.", txn.Machines()),
		describe("legs",
			"Legs: one INVITE usage with one peer. The actions are what goes to the peer and, in lower case, what the bridge hears.",
			legs.Machines()),
		describe("bridge",
			"Calls: an inbound leg, the attempts to find somebody for it, and the record. A timeout after 18x is not hunted on.",
			bridge.Machines()),
	}
}

func main() {
	path := flag.String("o", "docs/states.md", "the file to write")
	flag.Parse()
	if err := os.WriteFile(*path, document(rooms()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
