package storetest

import (
	"fmt"
	"math"
	"time"

	"b2bua/cdr"
	"b2bua/policy"
)

// sampleSet returns a policy with something in every field, without ids.
// Objects are in the order of their names.
func sampleSet() policy.Set {
	acme := policy.Account{Name: "acme", Enabled: true, CreatedAt: epoch, UpdatedAt: epoch.Add(time.Second)}
	other := policy.Account{Name: "other", CreatedAt: epoch, UpdatedAt: epoch}
	carrier := policy.Trunk{
		Name: "carrier", Account: "other", Enabled: true, Network: "outside",
		Sources: []string{"203.0.113.0/24", "198.51.100.7"},
		Gateways: []policy.Gateway{
			{URI: "sip:gw2.example.net;transport=tcp", Priority: 2, Weight: 10, Enabled: true},
			{URI: "sip:203.0.113.5:5062", Priority: 1, Weight: 1, Enabled: true},
		},
		Media: "relay", HuntOn: []string{"503", "408", "transport"}, RingTimeout: policy.Duration(45*time.Second + 250*time.Millisecond),
		EarlyDialogs: "per_answer", InDialogSource: "flow", MTU: "1300",
		HeaderPolicy: policy.HeaderPolicy{Trusted: true, Pass: []string{"X-Trace"}, Remove: []string{"Subject"}},
		Limits:       policy.Limits{MaxCalls: 100, MaxCPS: 10}, CreatedAt: epoch, UpdatedAt: epoch,
	}
	pbx := policy.NewTrunk("pbx")
	pbx.CreatedAt, pbx.UpdatedAt = epoch, epoch
	route := policy.Route{
		Name: "france", Enabled: true, Priority: 100,
		Match:     policy.Match{CalledPrefix: "33", CallerPrefix: "44", InboundTrunk: "pbx"},
		Targets:   []policy.RouteTarget{{Trunk: "carrier", Weight: 3}, {Trunk: "pbx", Weight: 1}},
		CreatedAt: epoch, UpdatedAt: epoch,
	}
	return policy.Set{
		Accounts: []policy.Account{acme, other}, Trunks: []policy.Trunk{carrier, pbx}, Routes: []policy.Route{route},
	}
}

// copyIDs gives the objects of want the ids that those of got have been given.
func copyIDs(want *policy.Set, got policy.Set) {
	for i := range want.Accounts {
		want.Accounts[i].AccountID = got.Accounts[i].AccountID
	}
	for i := range want.Trunks {
		want.Trunks[i].TrunkID = got.Trunks[i].TrunkID
	}
	for i := range want.Routes {
		want.Routes[i].RouteID = got.Routes[i].RouteID
	}
}

// callID returns the id of call n; they sort as their numbers do.
func callID(n int) string { return fmt.Sprintf("018f0000-0000-7000-8000-%012d", n) }

// refused returns a call that began n seconds after epoch and never was
// answered: whatever may be absent is.
func refused(n int) cdr.Record {
	started := epoch.Add(time.Duration(n) * time.Second)
	return cdr.Record{
		CallID: callID(n), NodeID: "n1", Caller: "1000", Called: "2000", StartedAt: started, EndedAt: new(started.Add(time.Second)),
		DurationMS: 1000, RelatedCalls: []cdr.RelatedCall{}, Attempts: []cdr.Attempt{},
	}
}

// answered returns a call that began n seconds after epoch, with something in
// every field.
func answered(n int) cdr.Record {
	at := func(seconds int) *time.Time { return new(epoch.Add(time.Duration(n+seconds) * time.Second)) }
	r := refused(n)
	r.Received = cdr.Received{
		Source: "192.0.2.1:5060", Listener: "udp://192.0.2.9:5060", Transport: "udp", SIPCallID: "a\\u0000b@host",
		RequestURI: "sip:+33@x;y=\"z\"", Caller: "+331", Called: "+33", From: `"O'Neil, \"x\"" <sip:a@b>;tag=1`, To: "<sip:ü@é>",
		PAssertedIdentity: "a", PPreferredIdentity: "b", RemotePartyID: "c", Diversion: "d", Privacy: "id", UserAgent: "<script>",
	}
	r.InboundTrunk, r.OutboundTrunk = new("pbx"), new("carrier")
	r.RingingAt, r.AnsweredAt, r.EndedAt = at(1), at(2), at(10)
	r.DurationMS, r.BillableMS, r.PDDMS = 10_000, 8_000, new(int64(1000))
	r.SIPStatus, r.Q850Cause, r.HungUpBy, r.EndReason = new(200), new(16), new(cdr.ByCaller), new(cdr.EndCompleted)
	r.PolicyRevision = 7
	r.Media = &cdr.Media{Mode: "relay", Streams: []cdr.Stream{{
		Index: 1, Kind: "audio", From: "caller", Local: "192.0.2.9:10000", Remote: "192.0.2.1:4000", SSRC: math.MaxUint32,
		PayloadType: -1, Packets: math.MaxUint64, Octets: 1 << 60, Lost: -5, JitterMS: 0.1, Dropped: 1, RTCPPackets: 2,
	}}}
	r.RelatedCalls = []cdr.RelatedCall{{CallID: callID(1), Relation: "transfer"}}
	sent := cdr.Sent{SIPCallID: "c1", RequestURI: "sip:33@gw", Destination: "203.0.113.5:5060", Caller: "1", Called: "33"}
	r.Attempts = []cdr.Attempt{
		{
			AttemptNo: 1, Reason: cdr.AttemptRoute, Trunk: "carrier", Gateway: "sip:gw1", Sent: cdr.Sent{SIPCallID: "c0"}, StartedAt: *at(0),
			EndedAt: at(1), SIPStatus: new(503), EndReason: new(cdr.EndRejected),
		},
		{
			AttemptNo: 2, Reason: cdr.AttemptRedirect, Trunk: "carrier", Gateway: "sip:gw2", Sent: sent, StartedAt: *at(1),
			RingingAt: at(1), AnsweredAt: at(2), EndedAt: at(10), BillableMS: 8_000, SIPStatus: new(200), EndReason: new(cdr.EndCompleted),
		},
	}
	return r
}
