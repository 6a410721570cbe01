package txn

// RFC 3261 §17.1.1 with RFC 6026 §7.2. Timer C is the bound that RFC 3261 §16.6
// gives a proxy: a B2BUA needs it for the same reason, a far end that rings for
// ever.
var inviteClient = machine{
	name:    "INVITE client transaction",
	section: "RFC 3261 §17.1.1, RFC 6026 §7.2",
	start:   Calling,
	resend:  timerA,
	resent:  [numStates]bool{Calling: true},
	expiry: [numStates]expiry{
		Calling:    {timerB, sixtyFourT1},
		Proceeding: {timerC, timerCSpan},
		Cancelling: {timerX, sixtyFourT1},
		Accepted:   {timerM, sixtyFourT1},
		Completed:  {timerD, timerDSpanOverUDP},
	},
	steps: [numStates][numInputs]step{
		Calling: {
			received100:     {Proceeding, Deliver},
			received1xx:     {Proceeding, Deliver},
			received2xx:     {Accepted, Deliver},
			receivedFailure: {Completed, SendAck | Deliver},
			timerA:          {Calling, SendStored},
			timerB:          {Terminated, Timeout},
			transportError:  {Terminated, TransportFailed},
		},
		Proceeding: {
			received100:     {Proceeding, Deliver},
			received1xx:     {Proceeding, Deliver | restart}, // RFC 3261 §16.7 step 2
			received2xx:     {Accepted, Deliver},
			receivedFailure: {Completed, SendAck | Deliver},
			cancelled:       {Cancelling, 0},
			timerC:          {Cancelling, Cancel},
		},
		Cancelling: {
			received100:     {Cancelling, Deliver},
			received1xx:     {Cancelling, Deliver},
			received2xx:     {Accepted, Deliver}, // it crossed the CANCEL
			receivedFailure: {Completed, SendAck | Deliver},
			timerX:          {Terminated, Timeout},
		},
		Accepted: {
			received2xx: {Accepted, Deliver}, // again, or from another fork
			timerM:      {Terminated, 0},
		},
		Completed: {
			receivedFailure: {Completed, SendAck},
			timerD:          {Terminated, 0},
			transportError:  {Terminated, TransportFailed},
		},
	},
}

// RFC 3261 §17.1.2.
var nonInviteClient = machine{
	name:    "Non-INVITE client transaction",
	section: "RFC 3261 §17.1.2",
	start:   Trying,
	resend:  timerE,
	resent:  [numStates]bool{Trying: true, Proceeding: true},
	capped:  true,
	slow:    [numStates]bool{Proceeding: true},
	expiry: [numStates]expiry{
		Trying:     {timerF, sixtyFourT1},
		Proceeding: {timerF, sixtyFourT1},
		Completed:  {timerK, t4OverUDP},
	},
	steps: [numStates][numInputs]step{
		Trying: {
			received100:     {Proceeding, Deliver},
			received1xx:     {Proceeding, Deliver},
			received2xx:     {Completed, Deliver},
			receivedFailure: {Completed, Deliver},
			timerE:          {Trying, SendStored},
			timerF:          {Terminated, Timeout},
			transportError:  {Terminated, TransportFailed},
		},
		Proceeding: {
			received100:     {Proceeding, Deliver},
			received1xx:     {Proceeding, Deliver},
			received2xx:     {Completed, Deliver},
			receivedFailure: {Completed, Deliver},
			timerE:          {Proceeding, SendStored},
			timerF:          {Terminated, Timeout},
			transportError:  {Terminated, TransportFailed},
		},
		Completed: {
			timerK: {Terminated, 0},
		},
	},
}

// RFC 3261 §17.2.1 with RFC 6026 §7.1.
var inviteServer = machine{
	name:    "INVITE server transaction",
	section: "RFC 3261 §17.2.1, RFC 6026 §7.1",
	start:   Proceeding,
	resend:  timerG,
	resent:  [numStates]bool{Completed: true},
	capped:  true,
	expiry: [numStates]expiry{
		Accepted:  {timerL, sixtyFourT1},
		Completed: {timerH, sixtyFourT1},
		Confirmed: {timerI, t4OverUDP},
	},
	steps: [numStates][numInputs]step{
		Proceeding: {
			receivedRequest: {Proceeding, SendStored},
			respond1xx:      {Proceeding, SendStored},
			respond2xx:      {Accepted, SendStored},
			respondFailure:  {Completed, SendStored},
			transportError:  {Proceeding, TransportFailed},
		},
		Accepted: {
			receivedRequest: {Accepted, 0},
			receivedAck:     {Accepted, Deliver},
			respond2xx:      {Accepted, SendStored}, // again, until the ACK: RFC 3261 §13.3.1.4
			transportError:  {Accepted, TransportFailed},
			timerL:          {Terminated, 0},
		},
		Completed: {
			receivedRequest: {Completed, SendStored},
			receivedAck:     {Confirmed, 0},
			transportError:  {Completed, TransportFailed},
			timerG:          {Completed, SendStored},
			timerH:          {Terminated, Timeout},
		},
		Confirmed: {
			receivedAck: {Confirmed, 0},
			timerI:      {Terminated, 0},
		},
	},
}

// RFC 3261 §17.2.2.
var nonInviteServer = machine{
	name:    "Non-INVITE server transaction",
	section: "RFC 3261 §17.2.2",
	start:   Trying,
	expiry: [numStates]expiry{
		Completed: {timerJ, sixtyFourT1OverUDP},
	},
	steps: [numStates][numInputs]step{
		Trying: {
			receivedRequest: {Trying, 0},
			respond1xx:      {Proceeding, SendStored},
			respond2xx:      {Completed, SendStored},
			respondFailure:  {Completed, SendStored},
		},
		Proceeding: {
			receivedRequest: {Proceeding, SendStored},
			respond1xx:      {Proceeding, SendStored},
			respond2xx:      {Completed, SendStored},
			respondFailure:  {Completed, SendStored},
			transportError:  {Proceeding, TransportFailed},
		},
		Completed: {
			receivedRequest: {Completed, SendStored},
			transportError:  {Completed, TransportFailed},
			timerJ:          {Terminated, 0},
		},
	},
}
