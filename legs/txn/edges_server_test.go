package txn_test

import "b2bua/legs/txn"

func inviteServerCase(reliable bool) machineCase {
	confirmed := outcome{txn.Confirmed, 0}
	if reliable { // timer I is zero
		confirmed = outcome{txn.Terminated, txn.Done}
	}
	mc := machineCase{
		name:   "INVITE server" + suffix(reliable),
		start:  func() subject { return newServer(txn.Invite, "INVITE", reliable) },
		inputs: serverInputs,
		paths: map[txn.State][]string{
			txn.Proceeding: {"respond 183"},
			txn.Accepted:   {"respond 200"},
			txn.Completed:  {"respond 100", "respond 300"},
			txn.Confirmed:  {"respond 300", "ACK"},
			txn.Terminated: {"respond 200", "expire"},
		},
		legal: map[txn.State]map[string]outcome{
			txn.Proceeding: {
				"request":     {txn.Proceeding, txn.SendStored},
				"respond 100": {txn.Proceeding, txn.SendStored},
				"respond 183": {txn.Proceeding, txn.SendStored},
				"respond 200": {txn.Accepted, txn.SendStored},
				"respond 300": {txn.Completed, txn.SendStored},
				"respond 699": {txn.Completed, txn.SendStored},
				"fail":        {txn.Proceeding, txn.TransportFailed},
			},
			txn.Accepted: {
				"request":     {txn.Accepted, 0},
				"ACK":         {txn.Accepted, txn.Deliver},
				"respond 200": {txn.Accepted, txn.SendStored},
				"fail":        {txn.Accepted, txn.TransportFailed},
				"expire":      {txn.Terminated, txn.Done},
			},
			txn.Completed: {
				"request": {txn.Completed, txn.SendStored},
				"ACK":     confirmed,
				"fail":    {txn.Completed, txn.TransportFailed},
				"resend":  {txn.Completed, txn.SendStored},
				"expire":  {txn.Terminated, txn.Timeout | txn.Done},
			},
			txn.Confirmed: {
				"ACK":    {txn.Confirmed, 0},
				"expire": {txn.Terminated, txn.Done},
			},
		},
	}
	if reliable {
		delete(mc.legal[txn.Completed], "resend")
		delete(mc.legal, txn.Confirmed)
		delete(mc.paths, txn.Confirmed)
	}
	return mc
}

func nonInviteServerCase(reliable bool) machineCase {
	over := outcome{txn.Completed, txn.SendStored}
	if reliable { // timer J is zero
		over = outcome{txn.Terminated, txn.SendStored | txn.Done}
	}
	mc := machineCase{
		name:   "BYE server" + suffix(reliable),
		start:  func() subject { return newServer(txn.NonInvite, "BYE", reliable) },
		inputs: serverInputs,
		paths: map[txn.State][]string{
			txn.Trying:     nil,
			txn.Proceeding: {"respond 100"},
			txn.Completed:  {"respond 200"},
			txn.Terminated: {"respond 200", "expire"},
		},
		legal: map[txn.State]map[string]outcome{
			txn.Trying: {
				"request":     {txn.Trying, 0},
				"respond 100": {txn.Proceeding, txn.SendStored},
				"respond 183": {txn.Proceeding, txn.SendStored},
				"respond 200": over, "respond 300": over, "respond 699": over,
			},
			txn.Proceeding: {
				"request":     {txn.Proceeding, txn.SendStored},
				"respond 100": {txn.Proceeding, txn.SendStored},
				"respond 183": {txn.Proceeding, txn.SendStored},
				"respond 200": over, "respond 300": over, "respond 699": over,
				"fail": {txn.Proceeding, txn.TransportFailed},
			},
			txn.Completed: {
				"request": {txn.Completed, txn.SendStored},
				"fail":    {txn.Completed, txn.TransportFailed},
				"expire":  {txn.Terminated, txn.Done},
			},
		},
	}
	if reliable {
		delete(mc.legal, txn.Completed)
		delete(mc.paths, txn.Completed)
		mc.paths[txn.Terminated] = []string{"respond 200"}
	}
	return mc
}
