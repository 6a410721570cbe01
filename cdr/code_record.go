package cdr

// The fields of a record, as the journal has them. A field that is added takes
// the next tag of its struct and stands last; the tag of one that is gone is
// not used again. Tags go up to 31.

func (c *coder) record(r *Record) {
	c.text(1, &r.CallID) // entryHead reads it here
	c.text(2, &r.NodeID)
	if c.open(3, true) {
		c.received(&r.Received)
		c.close()
	}
	c.text(4, &r.Caller)
	c.text(5, &r.Called)
	codeTextOf(c, 6, &r.InboundTrunk)
	codeTextOf(c, 7, &r.OutboundTrunk)
	c.time(8, &r.StartedAt)
	c.timeOf(9, &r.RingingAt)
	c.timeOf(10, &r.AnsweredAt)
	c.timeOf(11, &r.EndedAt)
	codeInt(c, 12, &r.DurationMS)
	codeInt(c, 13, &r.BillableMS)
	codeIntOf(c, 14, &r.PDDMS)
	codeIntOf(c, 15, &r.SIPStatus)
	codeIntOf(c, 16, &r.Q850Cause)
	codeTextOf(c, 17, &r.HungUpBy)
	codeTextOf(c, 18, &r.EndReason)
	codeInt(c, 19, &r.PolicyRevision)
	if c.open(20, r.Media != nil) {
		if c.reading {
			r.Media = &Media{}
		}
		c.media(r.Media)
		c.close()
	}
	codeList(c, 21, &r.RelatedCalls, (*coder).related)
	codeList(c, 22, &r.Attempts, (*coder).attempt)
}

func (c *coder) received(r *Received) {
	c.text(1, &r.Source)
	c.text(2, &r.Listener)
	c.text(3, &r.Transport)
	c.text(4, &r.SIPCallID)
	c.text(5, &r.RequestURI)
	c.text(6, &r.Caller)
	c.text(7, &r.Called)
	c.text(8, &r.From)
	c.text(9, &r.To)
	c.text(10, &r.PAssertedIdentity)
	c.text(11, &r.PPreferredIdentity)
	c.text(12, &r.RemotePartyID)
	c.text(13, &r.Diversion)
	c.text(14, &r.Privacy)
	c.text(15, &r.UserAgent)
}

func (c *coder) media(m *Media) {
	c.text(1, &m.Mode)
	codeList(c, 2, &m.Streams, (*coder).stream)
}

func (c *coder) stream(s *Stream) {
	codeInt(c, 1, &s.Index)
	c.text(2, &s.Kind)
	c.text(3, &s.From)
	c.text(4, &s.Local)
	c.text(5, &s.Remote)
	codeInt(c, 6, &s.SSRC)
	codeInt(c, 7, &s.PayloadType)
	codeInt(c, 8, &s.Packets)
	codeInt(c, 9, &s.Octets)
	codeInt(c, 10, &s.Lost)
	c.float(11, &s.JitterMS)
	codeInt(c, 12, &s.Dropped)
	codeInt(c, 13, &s.RTCPPackets)
}

func (c *coder) related(r *RelatedCall) {
	c.text(1, &r.CallID)
	c.text(2, &r.Relation)
}

func (c *coder) attempt(a *Attempt) {
	codeInt(c, 1, &a.AttemptNo)
	c.text(2, (*string)(&a.Reason))
	c.text(3, &a.Trunk)
	c.text(4, &a.Gateway)
	c.text(5, &a.Sent.SIPCallID)
	c.text(6, &a.Sent.RequestURI)
	c.text(7, &a.Sent.Destination)
	c.text(8, &a.Sent.Caller)
	c.text(9, &a.Sent.Called)
	c.time(10, &a.StartedAt)
	c.timeOf(11, &a.RingingAt)
	c.timeOf(12, &a.AnsweredAt)
	c.timeOf(13, &a.EndedAt)
	codeInt(c, 14, &a.BillableMS)
	codeIntOf(c, 15, &a.SIPStatus)
	codeTextOf(c, 16, &a.EndReason)
}
