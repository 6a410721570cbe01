package txn_test

import (
	"maps"

	"b2bua/legs/txn"
)

// finals gives the outcome to each final response that is not 2xx.
func finals(o outcome) map[string]outcome {
	return map[string]outcome{"receive 302": o, "receive 486": o, "receive 603": o}
}

// join merges the maps; a later one wins.
func join(parts ...map[string]outcome) map[string]outcome {
	all := map[string]outcome{}
	for _, p := range parts {
		maps.Copy(all, p)
	}
	return all
}

func inviteClientCase(reliable bool) machineCase {
	refused := finals(outcome{txn.Completed, txn.SendAck | txn.Deliver})
	if reliable { // timer D is zero
		refused = finals(outcome{txn.Terminated, txn.SendAck | txn.Deliver | txn.Done})
	}
	mc := machineCase{
		name:   "INVITE client" + suffix(reliable),
		start:  func() subject { return newClient(txn.Invite, "INVITE", reliable) },
		inputs: clientInputs,
		paths: map[txn.State][]string{
			txn.Calling:    nil,
			txn.Proceeding: {"receive 100"},
			txn.Cancelling: {"receive 180", "cancelled"},
			txn.Accepted:   {"receive 200"},
			txn.Completed:  {"receive 486"},
			txn.Terminated: {"expire"},
		},
		legal: map[txn.State]map[string]outcome{
			txn.Calling: join(refused, map[string]outcome{
				"receive 100": {txn.Proceeding, txn.Deliver},
				"receive 180": {txn.Proceeding, txn.Deliver},
				"receive 200": {txn.Accepted, txn.Deliver},
				"fail":        {txn.Terminated, txn.TransportFailed | txn.Done},
				"resend":      {txn.Calling, txn.SendStored},
				"expire":      {txn.Terminated, txn.Timeout | txn.Done},
			}),
			txn.Proceeding: join(refused, map[string]outcome{
				"receive 100": {txn.Proceeding, txn.Deliver},
				"receive 180": {txn.Proceeding, txn.Deliver},
				"receive 200": {txn.Accepted, txn.Deliver},
				"cancelled":   {txn.Cancelling, 0},
				"expire":      {txn.Cancelling, txn.Cancel},
			}),
			txn.Cancelling: join(refused, map[string]outcome{
				"receive 100": {txn.Cancelling, txn.Deliver},
				"receive 180": {txn.Cancelling, txn.Deliver},
				"receive 200": {txn.Accepted, txn.Deliver},
				"expire":      {txn.Terminated, txn.Timeout | txn.Done},
			}),
			txn.Accepted: {
				"receive 200": {txn.Accepted, txn.Deliver},
				"expire":      {txn.Terminated, txn.Done},
			},
			txn.Completed: join(finals(outcome{txn.Completed, txn.SendAck}), map[string]outcome{
				"fail":   {txn.Terminated, txn.TransportFailed | txn.Done},
				"expire": {txn.Terminated, txn.Done},
			}),
		},
	}
	if reliable {
		delete(mc.legal[txn.Calling], "resend")
		delete(mc.legal, txn.Completed)
		delete(mc.paths, txn.Completed)
	}
	return mc
}

func nonInviteClientCase(reliable bool) machineCase {
	over := outcome{txn.Completed, txn.Deliver}
	if reliable { // timer K is zero
		over = outcome{txn.Terminated, txn.Deliver | txn.Done}
	}
	open := func(s txn.State) map[string]outcome {
		return join(finals(over), map[string]outcome{
			"receive 100": {txn.Proceeding, txn.Deliver},
			"receive 180": {txn.Proceeding, txn.Deliver},
			"receive 200": over,
			"fail":        {txn.Terminated, txn.TransportFailed | txn.Done},
			"resend":      {s, txn.SendStored},
			"expire":      {txn.Terminated, txn.Timeout | txn.Done},
		})
	}
	mc := machineCase{
		name:   "BYE client" + suffix(reliable),
		start:  func() subject { return newClient(txn.NonInvite, "BYE", reliable) },
		inputs: clientInputs,
		paths: map[txn.State][]string{
			txn.Trying:     nil,
			txn.Proceeding: {"receive 100"},
			txn.Completed:  {"receive 200"},
			txn.Terminated: {"expire"},
		},
		legal: map[txn.State]map[string]outcome{
			txn.Trying:     open(txn.Trying),
			txn.Proceeding: open(txn.Proceeding),
			txn.Completed:  {"expire": {txn.Terminated, txn.Done}},
		},
	}
	if reliable {
		delete(mc.legal[txn.Trying], "resend")
		delete(mc.legal[txn.Proceeding], "resend")
		delete(mc.legal, txn.Completed)
		delete(mc.paths, txn.Completed)
	}
	return mc
}
