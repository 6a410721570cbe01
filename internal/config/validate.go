package config

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Validate returns nil or an [*Error] with every fault. [Load] has called it
// already.
func (c *Config) Validate() error {
	if faults := c.faults(); len(faults) > 0 {
		return &Error{Faults: faults}
	}
	return nil
}

// validator collects the faults of one Config.
type validator struct {
	c      *Config
	faults []Fault
}

func (c *Config) faults() []Fault {
	v := &validator{c: c}
	v.number("node_id", int(c.NodeID), 1, 65535)
	v.sip()
	v.tcp()
	v.media()
	v.networks()
	v.certificates()
	v.storage()
	v.http()
	v.limits()
	v.duration("drain_timeout", c.DrainTimeout, 0, 24*time.Hour)
	v.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	v.oneOf("log.format", c.Log.Format, "text", "json")
	return v.faults
}

func (v *validator) fault(key, value, format string, args ...any) {
	v.faults = append(v.faults, Fault{Key: key, Where: v.where(key), Value: value, Message: fmt.Sprintf(format, args...)})
}

// where returns who set key, or the nearest key above it.
func (v *validator) where(key string) string {
	for key != "" {
		if at := v.c.where[key]; at != "" {
			return at
		}
		key = key[:max(0, strings.LastIndexAny(key, ".["))]
	}
	return ""
}

func (v *validator) number(key string, n, low, high int) {
	if n < low || n > high {
		v.fault(key, strconv.Itoa(n), "must be from %d to %d", low, high)
	}
}

func (v *validator) duration(key string, d, low, high time.Duration) {
	if d < low || d > high {
		v.fault(key, short(d), "must be from %s to %s", short(low), short(high))
	}
}

// short writes a duration as people do: 24h and not 24h0m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func (v *validator) oneOf(key, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		hint := ""
		if best, ok := nearest(strings.ToLower(value), allowed); ok {
			hint = "; did you mean " + best + "?"
		}
		v.fault(key, value, "must be one of %s%s", strings.Join(allowed, ", "), hint)
	}
}

func (v *validator) notEmpty(key, value string) {
	if value == "" {
		v.fault(key, "", "must not be empty")
	}
}

func (v *validator) sip() {
	s := v.c.SIP
	v.oneOf("sip.unknown", s.Unknown, "reject", "drop")
	v.duration("sip.timers.t1", s.Timers.T1, 10*time.Millisecond, 10*time.Second)
	v.duration("sip.timers.t2", s.Timers.T2, s.Timers.T1, time.Minute)
	v.duration("sip.timers.t4", s.Timers.T4, s.Timers.T1, time.Minute)
	if c := s.Timers.C; c <= 3*time.Minute || c > time.Hour { // RFC 3261 §16.6 step 11
		v.fault("sip.timers.c", short(c), "must be more than 3m and at most 1h")
	}
}

func (v *validator) tcp() {
	t := v.c.SIP.TCP
	v.number("sip.tcp.max_connections", t.MaxConnections, 1, 1_000_000)
	v.number("sip.tcp.max_per_source", t.MaxPerSource, 1, 1_000_000)
	v.number("sip.tcp.max_dials", t.MaxDials, 1, 100_000)
	v.duration("sip.tcp.connect_timeout", t.ConnectTimeout, 100*time.Millisecond, time.Minute)
	v.duration("sip.tcp.idle_timeout", t.IdleTimeout, time.Second, 24*time.Hour)
	v.duration("sip.tcp.message_timeout", t.MessageTimeout, 100*time.Millisecond, 10*time.Minute)
	v.duration("sip.tcp.write_timeout", t.WriteTimeout, 100*time.Millisecond, 10*time.Minute)
	v.duration("sip.batch_delay", v.c.SIP.BatchDelay, 0, 20*time.Millisecond)
	v.number("sip.tcp.write_queue", t.WriteQueue, 65536, 1<<30)
	v.number("sip.tcp.max_message", t.MaxMessage, 1024, 65535)
	if t.KeepAlive != 0 {
		v.duration("sip.tcp.keep_alive", t.KeepAlive, time.Second, 2*time.Hour)
	}
	v.duration("sip.tcp.room_timeout", t.RoomTimeout, time.Millisecond, 30*time.Second)
	v.duration("sip.tcp.fallback_timeout", t.FallbackTimeout, 10*time.Millisecond, 30*time.Second)
	v.duration("sip.tcp.fallback_memory", t.FallbackMemory, time.Second, 24*time.Hour)
}

func (v *validator) media() {
	m := v.c.Media
	if m.Timeout != 0 {
		v.duration("media.timeout", m.Timeout, time.Second, 24*time.Hour)
	}
	v.duration("media.quarantine", m.Quarantine, 0, 10*time.Minute)
	v.duration("media.learn_window", m.LearnWindow, 100*time.Millisecond, time.Hour)
	v.number("media.max_sessions", m.MaxSessions, 1, 1_000_000)
	v.number("media.workers", m.Workers, 0, 256)
	v.duration("media.batch_delay", m.BatchDelay, 0, 20*time.Millisecond)
	v.number("media.spare_sockets", m.SpareSockets, 0, 1_000_000)
	v.duration("media.spare_idle", m.SpareIdle, time.Second, time.Hour)
	v.oneOf("media.fastpath", m.Fastpath, "auto", "off", "require")
	if m.Fastpath == "require" {
		v.fault("media.fastpath", m.Fastpath, "is not available in this build; use auto or off")
	}
	if m.FastpathPersist {
		v.fault("media.fastpath_persist", "true", "is not available in this build; use false")
	}
}

func (v *validator) certificates() {
	seen := map[string]bool{}
	for i, c := range v.c.TLS.Certificates {
		key := fmt.Sprintf("tls.certificates[%d]", i)
		v.notEmpty(key+".name", c.Name)
		v.notEmpty(key+".cert", c.Cert)
		v.notEmpty(key+".key", c.Key)
		if seen[c.Name] && c.Name != "" {
			v.fault(key+".name", c.Name, "must be unique")
		}
		seen[c.Name] = true
	}
}

// storage never shows the database URL whole: it may hold a password.
func (v *validator) storage() {
	v.notEmpty("cdr.journal", v.c.CDR.Journal)
	v.duration("database.poll", v.c.Database.Poll, 100*time.Millisecond, 5*time.Second)
	const key = "database.url"
	scheme, rest, _ := strings.Cut(v.c.Database.URL, "://")
	switch scheme {
	case "sqlite":
		if rest == "" || strings.HasPrefix(rest, "?") {
			v.fault(key, v.c.Database.URL, "must name a file, like sqlite://data/b2bua.db")
		}
	case "postgres", "postgresql":
		if _, err := url.Parse(v.c.Database.URL); err != nil {
			v.fault(key, scheme+"://…", "must be a URL; percent-encode special characters in the password")
		}
	default:
		v.fault(key, "", "must begin with sqlite:// or postgres://")
	}
}

func (v *validator) http() {
	h := v.c.HTTP
	v.notEmpty("http.token_file", h.TokenFile)
	if h.TLS.Certificate != "" {
		v.fault("http.tls.certificate", h.TLS.Certificate, "is not available in this build; leave it empty and put a TLS proxy in front")
	}
	host, port, err := net.SplitHostPort(h.Listen)
	if _, numErr := strconv.ParseUint(port, 10, 16); err != nil || numErr != nil || !(host == "" || isHost(host)) {
		v.fault("http.listen", h.Listen, "must be address:port with a port from 0 to 65535, like 127.0.0.1:8080")
	}
}

func (v *validator) limits() {
	l := v.c.Limits
	v.number("limits.in_dialog_queue", l.InDialogQueue, 1, 1_000_000)
	v.number("limits.new_queue", l.NewQueue, 1, 1_000_000)
	v.number("limits.resolver_queue", l.ResolverQueue, 1, 1_000_000)
	v.number("limits.journal_queue", l.JournalQueue, 1, 1_000_000)
	v.number("limits.source_rate", l.SourceRate, 0, 1_000_000)
	v.number("limits.source_burst", l.SourceBurst, 1, 1_000_000)
	v.number("limits.trunk_rate", l.TrunkRate, 0, 1_000_000)
	v.number("limits.trunk_burst", l.TrunkBurst, 1, 1_000_000)
}
