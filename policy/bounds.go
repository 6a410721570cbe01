package policy

// Bounds limit what a set may hold. Each is told by name and number in the
// fault of a set that goes beyond it. Zero means the default.
type Bounds struct {
	Accounts int // objects; default 10,000
	Trunks   int // objects; default 10,000
	Routes   int // objects; default 1,000,000
	Sources  int // per trunk; default 1,000
	// Networks are the names a trunk may use; nil accepts any. The process
	// knows them from its configuration, the policy does not.
	Networks []string
}

// Bounds that are part of the format: hunting further helps nobody, and the
// decision keeps its work on the stack.
const (
	maxGateways   = 64        // per trunk
	maxTargets    = 64        // per route
	maxAttempts   = 256       // gateways that a route leads to over all its targets
	maxHeaders    = 64        // per header_policy list
	maxPrefix     = 32        // characters of a called or caller prefix
	maxName       = 64        // characters of a name
	maxWord       = 64        // characters of a header name
	maxPriority   = 65535     // of gateways and routes
	maxWeight     = 65535     // of gateways and targets
	maxLimit      = 1_000_000 // calls, calls per second
	minRing       = 1         // seconds
	maxRing       = 600       // seconds
	minMTU        = 576       // octets, RFC 791's smallest reassembly
	maxMTU        = 65507     // octets, the largest UDP payload over IPv4
	maxFaults     = 1000      // faults told at once
	maxFaultValue = 100       // characters of a value in a fault
)

func (b Bounds) withDefaults() Bounds {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&b.Accounts, 10_000)
	set(&b.Trunks, 10_000)
	set(&b.Routes, 1_000_000)
	set(&b.Sources, 1_000)
	return b
}

// cut shortens a value for a fault.
func cut(s string) string {
	if len(s) <= maxFaultValue {
		return s
	}
	end := maxFaultValue
	for end > 0 && s[end]&0xc0 == 0x80 {
		end-- // not inside a UTF-8 sequence
	}
	return s[:end] + "…"
}
