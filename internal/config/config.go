// Package config reads what an operator sets: built-in defaults, then a YAML
// file, then B2BUA_… environment variables. An unknown key or variable is an
// error that names the nearest known one, and every fault of a configuration
// is reported at once, each with its key, its value and the bound it broke.
package config

import (
	"net/netip"
	"time"
)

// Config is the whole configuration. Get one from [Load] or [Default]; the
// zero Config is not valid. The yaml tag is a key's name, the doc tag its line
// in docs/configuration.md.
type Config struct {
	NodeID       uint16             `yaml:"node_id" doc:"1-65535; this node's number, part of every id it makes. Nodes that share a database or a journal need different ones"`
	SIP          SIP                `yaml:"sip"`
	Media        Media              `yaml:"media"`
	Networks     map[string]Network `yaml:"networks" doc:"further networks by name, beside the network default that sip and media make; trunks name theirs"`
	TLS          TLS                `yaml:"tls"`
	Database     Database           `yaml:"database"`
	HTTP         HTTP               `yaml:"http"`
	CDR          CDR                `yaml:"cdr"`
	Limits       Limits             `yaml:"limits"`
	DrainTimeout time.Duration      `yaml:"drain_timeout" doc:"0s-24h; after SIGTERM calls in progress have this long to end by themselves"`
	Log          Log                `yaml:"log"`

	where map[string]string // key → "FILE:LINE" or variable that set it
}

// SIP is the signalling of the network default and what holds for all.
type SIP struct {
	Listen    []string `yaml:"listen" doc:"listeners as transport://address:port; port 0 takes a free one. This build has udp and tcp"`
	Advertise string   `yaml:"advertise" doc:"host or host:port in Via and Contact when behind NAT, and the address in SDP when it is an IP address; a wildcard listener needs it"`
	Unknown   string   `yaml:"unknown" doc:"reject (403) or drop: what becomes of a request from a source that no trunk knows"`
	Timers    Timers   `yaml:"timers"`
	TCP       TCP      `yaml:"tcp"`

	BatchDelay time.Duration `yaml:"batch_delay" doc:"0s-20ms; how long datagrams of one listener may wait for others while at least 16 come in such a time; waking up for each costs more than the message. 0 is off"`
}

// TCP bounds the connections of all networks.
type TCP struct {
	MaxConnections  int           `yaml:"max_connections" doc:"1-1000000; connections at a time, accepted and dialled. Sources that no trunk knows get a quarter of them. Each takes a descriptor"`
	MaxPerSource    int           `yaml:"max_per_source" doc:"1-1000000; connections accepted from one IPv4 address or one IPv6 /64"`
	MaxDials        int           `yaml:"max_dials" doc:"1-100000; connections being dialled at a time"`
	ConnectTimeout  time.Duration `yaml:"connect_timeout" doc:"100ms-1m; until a connection that we dial is up"`
	IdleTimeout     time.Duration `yaml:"idle_timeout" doc:"1s-24h; a connection on which nothing was read or written for so long is closed"`
	MessageTimeout  time.Duration `yaml:"message_timeout" doc:"100ms-10m; from the first byte of a message to its last, and from accepting a connection to its first message; then it is closed"`
	WriteTimeout    time.Duration `yaml:"write_timeout" doc:"100ms-10m; until a peer has read what is sent to it; then the connection is closed"`
	WriteQueue      int           `yaml:"write_queue" doc:"65536-1073741824; bytes that wait for a peer that does not read; beyond it the connection is closed"`
	MaxMessage      int           `yaml:"max_message" doc:"1024-65535; bytes of a message; a longer one gets 513 and the connection is closed"`
	KeepAlive       time.Duration `yaml:"keep_alive" doc:"1s-2h, 0 is off; between two probes of TCP on a silent connection"`
	RoomTimeout     time.Duration `yaml:"room_timeout" doc:"1ms-30s; a connection is not read for up to so long while the queue of its message (limits) is full"`
	FallbackTimeout time.Duration `yaml:"fallback_timeout" doc:"10ms-30s; a request longer than its trunk's mtu goes by UDP when no connection is up after it"`
	FallbackMemory  time.Duration `yaml:"fallback_memory" doc:"1s-24h; a target that did not take such a connection is sent UDP for so long"`
}

// Timers are the base values of RFC 3261 §17.
type Timers struct {
	T1 time.Duration `yaml:"t1" doc:"10ms-10s; estimate of the round trip, first retransmission"`
	T2 time.Duration `yaml:"t2" doc:"t1-60s; longest time between retransmissions"`
	T4 time.Duration `yaml:"t4" doc:"t1-60s; longest time a message stays in the network"`
	C  time.Duration `yaml:"c" doc:"more than 3m, up to 1h; an INVITE that keeps ringing is cancelled after it, when no ring timeout was shorter"`
}

// Media is the relay of the network default and what holds for all.
type Media struct {
	Addresses       []netip.Addr  `yaml:"addresses" doc:"addresses that the relay binds, one per family; concrete, not 0.0.0.0 or ::"`
	Advertise       string        `yaml:"advertise" doc:"IP address in SDP instead of the bound one of its family, when behind NAT; empty: sip.advertise when that is an IP address"`
	Ports           PortRange     `yaml:"ports" doc:"within 1024-65535; RTP takes the even, RTCP the odd ports. Keep it out of the kernel's ephemeral range"`
	Timeout         time.Duration `yaml:"timeout" doc:"1s-24h, 0 is off; a call ends when neither side sends RTP or RTCP for so long while it is not held"`
	Quarantine      time.Duration `yaml:"quarantine" doc:"0s-10m; rest of a released pair of ports before it is used again"`
	LearnWindow     time.Duration `yaml:"learn_window" doc:"100ms-1h; how long after an offer or answer a stream may learn that its peer sends from another address than it signalled"`
	MaxSessions     int           `yaml:"max_sessions" doc:"1-1000000; media sessions (m-lines of calls) at a time"`
	Workers         int           `yaml:"workers" doc:"0-256; relay threads, 0 is one per processor"`
	BatchDelay      time.Duration `yaml:"batch_delay" doc:"0s-20ms; how long packets may wait for others while a relay thread is busy, which halves what they cost or better. 0 is off"`
	SpareSockets    int           `yaml:"spare_sockets" doc:"0-1000000; media sockets that stay open after a call for the next one, which spares it their opening. They make room when those in use need the four that each session of max_sessions may have. Each takes 3 kB in the kernel; a hundred calls a second leave 400 per second of quarantine. 0 is none"`
	SpareIdle       time.Duration `yaml:"spare_idle" doc:"1s-1h; spare sockets that were not needed for so long are closed"`
	Fastpath        string        `yaml:"fastpath" doc:"auto, off or require: forwarding in the kernel. This build has none: auto is off, require is refused"`
	FastpathPersist bool          `yaml:"fastpath_persist" doc:"audio and calls outlive the process. Not in this build: true is refused"`
}

// Network is listeners, advertised address and media addresses that belong
// together.
type Network struct {
	Name      string       `yaml:"-"`
	Listen    []string     `yaml:"listen" doc:"as sip.listen"`
	Advertise string       `yaml:"advertise" doc:"as sip.advertise"`
	Unknown   string       `yaml:"unknown" doc:"as sip.unknown, which holds when it is not set"`
	Media     NetworkMedia `yaml:"media"`
}

// NetworkMedia is the media side of a [Network].
type NetworkMedia struct {
	Addresses []netip.Addr `yaml:"addresses" doc:"as media.addresses"`
	Advertise string       `yaml:"advertise" doc:"as media.advertise"`
	Ports     PortRange    `yaml:"ports" doc:"as media.ports, which holds when it is not set; networks with the same media address have the same ports or none in common"`
}

// TLS lists the certificates that listeners name.
type TLS struct {
	Certificates []Certificate `yaml:"certificates" doc:"list of name, cert and key; only in the file"`
}

// Certificate is one certificate and its key, as PEM files.
type Certificate struct {
	Name string `yaml:"name" doc:"name by which a listener asks for it"`
	Cert string `yaml:"cert" doc:"PEM file with the certificate and its chain"`
	Key  string `yaml:"key" doc:"PEM file with the private key"`
}

// Database is where policy and CDRs are kept.
type Database struct {
	URL  string        `yaml:"url" doc:"sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME"`
	Poll time.Duration `yaml:"poll" doc:"100ms-5s; how often the database is asked whether another process has changed the policy. Postgres tells by itself, in milliseconds; this is for when it cannot, and for SQLite"`
}

// HTTP is the REST API, health and metrics.
type HTTP struct {
	Listen    string  `yaml:"listen" doc:"address:port of the REST API, health and metrics; port 0 takes a free one"`
	TokenFile string  `yaml:"token_file" doc:"file with the admin token, made at first start with mode 0600"`
	TLS       HTTPTLS `yaml:"tls"`
	Debug     bool    `yaml:"debug" doc:"serve the runtime's profiles below /debug/pprof/, with the token; they show what is in memory"`
}

// HTTPTLS is the TLS side of [HTTP].
type HTTPTLS struct {
	Certificate string `yaml:"certificate" doc:"name of a certificate of tls.certificates. Not in this build: anything but empty is refused"`
}

// CDR is the local side of call detail records.
type CDR struct {
	Journal string `yaml:"journal" doc:"directory of the journal, on a local disk"`
}

// Limits are the bounds of the queues and of what one source may send. What does not fit is refused or
// dropped, and counted.
type Limits struct {
	InDialogQueue int `yaml:"in_dialog_queue" doc:"1-1000000; events that wait in each of the 256 shards for calls that exist"`
	NewQueue      int `yaml:"new_queue" doc:"1-1000000; new requests that wait in each of the 256 shards; beyond it an INVITE gets 503 with Retry-After"`
	ResolverQueue int `yaml:"resolver_queue" doc:"1-1000000; DNS look-ups that wait"`
	JournalQueue  int `yaml:"journal_queue" doc:"1-1000000; CDR marks that wait for the journal"`
	SourceRate    int `yaml:"source_rate" doc:"0-1000000, 0 is no limit; SIP messages a second from one IPv4 address or IPv6 /64 that no trunk has. What is over it is dropped unread"`
	SourceBurst   int `yaml:"source_burst" doc:"1-1000000; messages that such a source may send at once"`
	TrunkRate     int `yaml:"trunk_rate" doc:"0-1000000, 0 is no limit; as source_rate, for each address of a trunk: its sources and gateways"`
	TrunkBurst    int `yaml:"trunk_burst" doc:"1-1000000; as source_burst, for each address of a trunk"`
}

// Log is where and how the process logs.
type Log struct {
	Level  string `yaml:"level" doc:"debug, info, warn or error"`
	Format string `yaml:"format" doc:"text or json"`
}

func defaultLimits() Limits {
	return Limits{
		InDialogQueue: 4096, NewQueue: 256, ResolverQueue: 1024, JournalQueue: 32768,
		SourceRate: 200, SourceBurst: 1000, // the burst: an office of 200 phones that comes back after a power cut
		TrunkBurst: 1000,
	}
}

// Default returns the built-in configuration: it is valid and needs nothing
// installed.
func Default() *Config {
	return &Config{
		NodeID: 1,
		SIP: SIP{
			Listen:  []string{"udp://127.0.0.1:5060", "tcp://127.0.0.1:5060"},
			Unknown: "reject",
			Timers: Timers{
				T1: 500 * time.Millisecond,
				T2: 4 * time.Second,
				T4: 5 * time.Second,
				C:  3*time.Minute + 5*time.Second, // RFC 3261 §16.6 step 11: more than three minutes
			},
			BatchDelay: 4 * time.Millisecond,
			TCP: TCP{
				MaxConnections: 1024, MaxPerSource: 128, MaxDials: 64,
				ConnectTimeout: 5 * time.Second,
				IdleTimeout:    10 * time.Minute,
				MessageTimeout: 10 * time.Second,
				WriteTimeout:   10 * time.Second,
				WriteQueue:     256 << 10, MaxMessage: 65535,
				KeepAlive:       30 * time.Second,
				RoomTimeout:     2 * time.Second,
				FallbackTimeout: time.Second, FallbackMemory: 10 * time.Minute,
			},
		},
		Media: Media{
			Addresses:    []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})},
			Ports:        PortRange{Min: 10000, Max: 31999},
			Timeout:      time.Minute,
			Quarantine:   3 * time.Second,
			LearnWindow:  10 * time.Second,
			MaxSessions:  4500, // four sockets each: within the usual limit of 20,000 descriptors, and within media.ports
			BatchDelay:   500 * time.Microsecond,
			SpareSockets: 8192, SpareIdle: 2 * time.Minute,
			Fastpath: "auto",
		},
		Database:     Database{URL: "sqlite://data/b2bua.db", Poll: 2 * time.Second},
		HTTP:         HTTP{Listen: "127.0.0.1:8080", TokenFile: "data/admin.token"},
		CDR:          CDR{Journal: "data/journal"},
		Limits:       defaultLimits(),
		DrainTimeout: 30 * time.Minute,
		Log:          Log{Level: "info", Format: "text"},
	}
}
