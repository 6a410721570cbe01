package config

import _ "embed"

//go:embed example.yaml
var example string

// Example returns a configuration file with every key at its default and a
// comment on each.
func Example() string { return example }
