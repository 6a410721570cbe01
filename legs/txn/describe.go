package txn

// A Machine is the description of one state machine, for the documentation.
type Machine struct {
	Name   string   // "INVITE client transaction"
	States []string // the first is where it starts
	Edges  []Edge
}

// An Edge is one legal step.
type Edge struct{ From, Input, To, Actions string }

// Machines describes the four machines, in the order of RFC 3261 §17.
func Machines() []Machine {
	machines := []*machine{&inviteClient, &nonInviteClient, &inviteServer, &nonInviteServer}
	out := make([]Machine, 0, len(machines))
	for _, m := range machines {
		out = append(out, m.describe())
	}
	return out
}

func (m *machine) describe() Machine {
	d := Machine{Name: m.name + " (" + m.section + ")"}
	var has [numStates]bool
	for s := range numStates {
		for in := range numInputs {
			st := m.steps[s][in]
			if st.to == 0 {
				continue
			}
			has[s], has[st.to] = true, true
			do := st.do
			if st.to == Terminated {
				do |= Done
			}
			d.Edges = append(d.Edges, Edge{
				From: s.String(), Input: m.inputName(s, in), To: st.to.String(), Actions: do.String(),
			})
		}
	}
	d.States = append(d.States, m.start.String())
	for s := range numStates {
		if has[s] && s != m.start {
			d.States = append(d.States, s.String())
		}
	}
	return d
}

// inputName names an input, and for the timer that bounds state s how long that
// takes.
func (m *machine) inputName(s State, in input) string {
	name := inputNames[in]
	if e := m.expiry[s]; e.on == in && e.after != forever {
		name += " (" + e.after.String() + ")"
	}
	return name
}

var inputNames = [numInputs]string{
	received100:     "100 received",
	received1xx:     "101-199 received",
	received2xx:     "2xx received",
	receivedFailure: "300-699 received",
	cancelled:       "CANCEL sent",
	receivedRequest: "request again",
	receivedAck:     "ACK received",
	respond1xx:      "respond 1xx",
	respond2xx:      "respond 2xx",
	respondFailure:  "respond 300-699",
	transportError:  "transport error",
	timerA:          "timer A",
	timerB:          "timer B",
	timerC:          "timer C",
	timerD:          "timer D",
	timerE:          "timer E",
	timerF:          "timer F",
	timerG:          "timer G",
	timerH:          "timer H",
	timerI:          "timer I",
	timerJ:          "timer J",
	timerK:          "timer K",
	timerL:          "timer L",
	timerM:          "timer M",
	timerX:          "no final response to CANCEL",
}
