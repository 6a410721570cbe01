// Package cdr keeps the record of every call: the record itself, the local
// journal that survives a crash, and the flusher that moves ended calls to a
// store exactly once.
package cdr

import "time"

// EndReason says why a call ended, in one word that never changes its meaning.
type EndReason string

// The reasons a call can end for.
const (
	EndCompleted    EndReason = "completed"     // answered, then hung up by one of the two sides
	EndCancelled    EndReason = "cancelled"     // the caller gave up before an answer
	EndRejected     EndReason = "rejected"      // the called side refused
	EndNoAnswer     EndReason = "no_answer"     // ring timeout
	EndNoRoute      EndReason = "no_route"      // policy has no target
	EndUnreachable  EndReason = "unreachable"   // transport error or timeout towards every target, or a dialog lost in a re-INVITE (408, 481)
	EndBadOffer     EndReason = "bad_offer"     // the offer or the answer cannot be used
	EndNoPorts      EndReason = "no_ports"      // no media port was free
	EndMediaTimeout EndReason = "media_timeout" // no media from either side
	EndAckTimeout   EndReason = "ack_timeout"   // the caller never acknowledged our 2xx
	EndLoop         EndReason = "loop"          // the request had passed through us before
	EndTooManyHops  EndReason = "too_many_hops" // Max-Forwards reached 0
	EndLimit        EndReason = "limit"         // a trunk has as many calls, or as many a second, as it may
	EndAPI          EndReason = "api"           // hung up over the REST API
	EndShutdown     EndReason = "shutdown"      // the process was told to stop
	EndNodeFailure  EndReason = "node_failure"  // the process died; ended at its last heartbeat
	EndJournal      EndReason = "journal"       // the answer record could not be written
	EndInternal     EndReason = "internal"      // a fault of ours, logged with the call_id
)

// HungUpBy says which side ended a call.
type HungUpBy string

// The sides that can end a call.
const (
	ByCaller HungUpBy = "caller"
	ByCalled HungUpBy = "called"
	BySystem HungUpBy = "system"
)

// A Record is one call. While EndedAt is nil the call is live: /v1/calls and
// /v1/cdrs share this shape. What did not happen is nil. Times are UTC, cut
// to microseconds; durations are milliseconds of the monotonic clock,
// truncated.
type Record struct {
	CallID         string        `json:"call_id" doc:"UUIDv7, ours"`
	NodeID         string        `json:"node_id"`
	Received       Received      `json:"received" doc:"What the caller sent, as it came"`
	Caller         string        `json:"caller" doc:"Digits as routing used them"`
	Called         string        `json:"called" doc:"Digits as routing used them"`
	InboundTrunk   *string       `json:"inbound_trunk"`
	OutboundTrunk  *string       `json:"outbound_trunk" doc:"Trunk of the last attempt"`
	StartedAt      time.Time     `json:"started_at" doc:"The INVITE arrived"`
	RingingAt      *time.Time    `json:"ringing_at" doc:"First 18x sent to the caller"`
	AnsweredAt     *time.Time    `json:"answered_at"`
	EndedAt        *time.Time    `json:"ended_at" doc:"First BYE sent or received, or the final response or CANCEL of a call never answered"`
	DurationMS     int64         `json:"duration_ms" doc:"ended - started"`
	BillableMS     int64         `json:"billable_ms" doc:"ended - answered, 0 when not answered"`
	PDDMS          *int64        `json:"pdd_ms" doc:"First 18x to the caller - started"`
	SIPStatus      *int          `json:"sip_status" doc:"Final status sent to the caller"`
	Q850Cause      *int          `json:"q850_cause"`
	HungUpBy       *HungUpBy     `json:"hung_up_by" enum:"caller,called,system"`
	EndReason      *EndReason    `json:"end_reason"`
	PolicyRevision int64         `json:"policy_revision"`
	Media          *Media        `json:"media"`
	RelatedCalls   []RelatedCall `json:"related_calls" nullable:"false"`
	Attempts       []Attempt     `json:"attempts" nullable:"false"`
}

// Received is what the caller sent, before any translation. Every header is
// the raw value, empty when absent.
type Received struct {
	Source             string `json:"source" doc:"ip:port the INVITE came from"`
	Listener           string `json:"listener" doc:"URL of the listener it came in on"`
	Transport          string `json:"transport" enum:"udp,tcp,tls,ws,wss"`
	SIPCallID          string `json:"sip_call_id"`
	RequestURI         string `json:"request_uri"`
	Caller             string `json:"caller" doc:"User part of From"`
	Called             string `json:"called" doc:"User part of the Request-URI"`
	From               string `json:"from"`
	To                 string `json:"to"`
	PAssertedIdentity  string `json:"p_asserted_identity"`
	PPreferredIdentity string `json:"p_preferred_identity"`
	RemotePartyID      string `json:"remote_party_id"`
	Diversion          string `json:"diversion"`
	Privacy            string `json:"privacy"`
	UserAgent          string `json:"user_agent"`
}

// AttemptReason says why an attempt was made.
type AttemptReason string

// The reasons for an attempt.
const (
	AttemptRoute     AttemptReason = "route"
	AttemptFork      AttemptReason = "fork"
	AttemptRedirect  AttemptReason = "redirect"
	AttemptTransfer  AttemptReason = "transfer"
	AttemptOriginate AttemptReason = "originate"
)

// An Attempt is one outbound INVITE of a call.
type Attempt struct {
	AttemptNo  int           `json:"attempt_no" doc:"From 1"`
	Reason     AttemptReason `json:"reason" enum:"route,fork,redirect,transfer,originate"`
	Trunk      string        `json:"trunk"`
	Gateway    string        `json:"gateway" doc:"URI of the gateway"`
	Sent       Sent          `json:"sent"`
	StartedAt  time.Time     `json:"started_at"`
	RingingAt  *time.Time    `json:"ringing_at"`
	AnsweredAt *time.Time    `json:"answered_at"`
	EndedAt    *time.Time    `json:"ended_at"`
	BillableMS int64         `json:"billable_ms"`
	SIPStatus  *int          `json:"sip_status" doc:"Final status received; null when none came"`
	EndReason  *EndReason    `json:"end_reason"`
}

// Sent is what an attempt's INVITE carried.
type Sent struct {
	SIPCallID   string `json:"sip_call_id"`
	RequestURI  string `json:"request_uri"`
	Destination string `json:"destination" doc:"ip:port it was sent to; empty when it could not be resolved"`
	Caller      string `json:"caller"`
	Called      string `json:"called"`
}

// Media is how a call's audio travelled and how it fared.
type Media struct {
	Mode    string   `json:"mode" enum:"relay,bypass"`
	Streams []Stream `json:"streams" nullable:"false"`
}

// A Stream is one direction of one m-line, as we received it (RFC 3550 §6.4.1
// and Appendix A). Reading it while the call is live gives the figures so far.
type Stream struct {
	Index       int     `json:"index" doc:"m-line, from 0"`
	Kind        string  `json:"kind" doc:"audio, video, image, ..."`
	From        string  `json:"from" enum:"caller,called"`
	Local       string  `json:"local" doc:"Our ip:port that received it"`
	Remote      string  `json:"remote" doc:"The peer's ip:port, learned or signalled; empty when unknown"`
	SSRC        uint32  `json:"ssrc"`
	PayloadType int     `json:"payload_type" doc:"Of the last packet; -1 when none came"`
	Packets     uint64  `json:"packets"`
	Octets      uint64  `json:"octets" doc:"RTP payload and header, without UDP and IP"`
	Lost        int64   `json:"lost" doc:"Cumulative, RFC 3550 A.3"`
	JitterMS    float64 `json:"jitter_ms" doc:"Interarrival jitter, RFC 3550 A.8"`
	Dropped     uint64  `json:"dropped" doc:"Packets refused: foreign source, no RTP, no peer yet"`
	RTCPPackets uint64  `json:"rtcp_packets"`
}

// RelatedCall names a call that this one came from or led to.
type RelatedCall struct {
	CallID   string `json:"call_id"`
	Relation string `json:"relation"`
}

// Live reports whether the call has not ended.
func (r *Record) Live() bool { return r.EndedAt == nil }

// Clone returns a deep copy.
func (r *Record) Clone() *Record {
	c := *r
	c.InboundTrunk, c.OutboundTrunk = clone(r.InboundTrunk), clone(r.OutboundTrunk)
	c.RingingAt, c.AnsweredAt, c.EndedAt = clone(r.RingingAt), clone(r.AnsweredAt), clone(r.EndedAt)
	c.PDDMS, c.SIPStatus, c.Q850Cause = clone(r.PDDMS), clone(r.SIPStatus), clone(r.Q850Cause)
	c.HungUpBy, c.EndReason = clone(r.HungUpBy), clone(r.EndReason)
	if r.Media != nil {
		m := *r.Media
		m.Streams = append([]Stream(nil), m.Streams...)
		c.Media = &m
	}
	c.RelatedCalls = append([]RelatedCall{}, r.RelatedCalls...)
	c.Attempts = append([]Attempt{}, r.Attempts...)
	for i := range c.Attempts {
		a := &c.Attempts[i]
		a.RingingAt, a.AnsweredAt, a.EndedAt = clone(a.RingingAt), clone(a.AnsweredAt), clone(a.EndedAt)
		a.SIPStatus, a.EndReason = clone(a.SIPStatus), clone(a.EndReason)
	}
	return &c
}

func clone[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}
