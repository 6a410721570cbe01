package policy

// An Explanation is a simulated call: the plan, or why there is none, and
// every candidate that was looked at.
type Explanation struct {
	Revision   int64         `json:"revision"`
	Plan       *Plan         `json:"plan" doc:"Null when the call is refused"`
	Refusal    *RefusalFacts `json:"refusal" doc:"Null when there is a plan"`
	Candidates []Candidate   `json:"candidates" nullable:"false" doc:"Sources, then routes, then the winner's targets and gateways"`
	Truncated  int           `json:"truncated" doc:"Further routes that are not listed; none of them is the winner"`
}

// RefusalFacts is a [Refusal] as data.
type RefusalFacts struct {
	SIPStatus int    `json:"sip_status"`
	Code      string `json:"code" enum:"unknown_source,no_route,no_target,loop"`
	Reason    string `json:"reason"`
}

// Kinds of a [Candidate].
const (
	KindSource  = "source"  // a trunk that might be calling
	KindRoute   = "route"   // a route
	KindTarget  = "target"  // a target of the route that won
	KindGateway = "gateway" // a gateway of a target's trunk
)

// Outcomes of a [Candidate].
const (
	OutcomeChosen  = "chosen"  // it is in the plan, or decided it
	OutcomeLost    = "lost"    // it would do, another came first
	OutcomeSkipped = "skipped" // it cannot serve this call
)

// A Candidate is one trunk, route, target or gateway that a decision looked
// at.
type Candidate struct {
	Kind     string       `json:"kind" enum:"source,route,target,gateway"`
	Name     string       `json:"name" doc:"Trunk for a source and a target, route, or gateway URI"`
	Of       string       `json:"of" doc:"The route of a target, the trunk of a gateway, else empty"`
	Outcome  string       `json:"outcome" enum:"chosen,lost,skipped"`
	Reason   string       `json:"reason"`
	Compared []Comparison `json:"compared" nullable:"false"`
}

// A Comparison is one pair of values that was held against each other.
type Comparison struct {
	Field string `json:"field"`
	Want  string `json:"want" doc:"What the candidate has"`
	Got   string `json:"got" doc:"What the call or the winner has"`
}

// Explain decides as [Snapshot.Plan] does, by the same function, and tells
// every step.
func (s *Snapshot) Explain(q Query) Explanation {
	t := trace{candidates: []Candidate{}, listed: map[int32]bool{}}
	plan, refusal := s.decide(&q, &t)
	e := Explanation{Revision: s.set.Revision, Candidates: t.candidates, Truncated: t.truncated}
	if refusal != nil {
		e.Refusal = &RefusalFacts{SIPStatus: refusal.Status, Code: refusal.Code, Reason: refusal.Reason}
	} else {
		e.Plan = &plan
	}
	return e
}
