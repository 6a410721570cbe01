package bridge_test

import (
	"time"

	"b2bua/internal/siptest"
)

// A scene is a call as its parties mean it to go.
type scene struct {
	name   string
	caller siptest.Habits
	gates  []siptest.Habits
	stop   time.Duration // the API hangs up, as soon after it as there is a call; 0: it does not
	// stories are how it may go when at most one datagram meets with an accident,
	// the first one how it goes when none does.
	stories []string
}

const never = siptest.Never

// answering is a callee that rings and answers.
func answering(hangup time.Duration) siptest.Habits {
	return siptest.Habits{Ring: 100 * time.Millisecond, Answer: time.Second, Hangup: hangup}
}

func refusing(status int) siptest.Habits {
	return siptest.Habits{Ring: never, Answer: 100 * time.Millisecond, Status: status, Hangup: never}
}

// How CANCEL and an answer may race.
const (
	tooLate    = "caller 200 us; gate 0 200 them; cdr completed by caller 200 answered"
	midway     = "caller 487; gate 0 200 them; cdr cancelled by caller 487"
	wellInTime = "caller 487; gate 0 487; cdr cancelled by caller 487"
)

var scenes = []scene{
	{
		name: "the caller hangs up", caller: siptest.Habits{Hangup: 3 * time.Second}, gates: []siptest.Habits{answering(never)},
		stories: []string{"caller 200 us; gate 0 200 them; cdr completed by caller 200 answered"},
	},
	{
		name: "the caller hangs up at once", caller: siptest.Habits{}, gates: []siptest.Habits{answering(never)},
		stories: []string{"caller 200 us; gate 0 200 them; cdr completed by caller 200 answered"},
	},
	{
		name: "the called side hangs up", caller: siptest.Habits{Hangup: never}, gates: []siptest.Habits{answering(3 * time.Second)},
		stories: []string{"caller 200 them; gate 0 200 us; cdr completed by called 200 answered"},
	},
	{
		name: "the called side hangs up at once", caller: siptest.Habits{Hangup: never}, gates: []siptest.Habits{answering(0)},
		stories: []string{"caller 200 them; gate 0 200 us; cdr completed by called 200 answered"},
	},
	{
		name: "both hang up", caller: siptest.Habits{Hangup: 3 * time.Second}, gates: []siptest.Habits{answering(3 * time.Second)},
		stories: []string{
			"caller 200 us; gate 0 200 us; cdr completed by called 200 answered",
			"caller 200 us; gate 0 200 us; cdr completed by caller 200 answered",
			"caller 200 us; gate 0 200 them; cdr completed by caller 200 answered",
			"caller 200 them; gate 0 200 us; cdr completed by called 200 answered",
			// A BYE that comes when the other one has done its work.
			"caller 200 us; gate 0 200 us (481); cdr completed by caller 200 answered",
			"caller 200 us (481); gate 0 200 us; cdr completed by called 200 answered",
		},
	},
	{
		name: "answered at once", caller: siptest.Habits{Hangup: time.Second},
		gates:   []siptest.Habits{{Ring: never, Hangup: never}},
		stories: []string{"caller 200 us; gate 0 200 them; cdr completed by caller 200 answered"},
	},
	{
		name: "refused", caller: siptest.Habits{Hangup: never}, gates: []siptest.Habits{refusing(486)},
		stories: []string{"caller 486; gate 0 486; cdr rejected by called 486"},
	},
	{
		name: "hunted", caller: siptest.Habits{Hangup: 3 * time.Second}, gates: []siptest.Habits{refusing(503), answering(never)},
		stories: []string{"caller 200 us; gate 0 503; gate 1 200 them; cdr completed by caller 200 answered"},
	},
	{
		name: "given up", caller: siptest.Habits{Cancel: 2 * time.Second, Hangup: never},
		gates:   []siptest.Habits{{Ring: 100 * time.Millisecond, Answer: never, Hangup: never}},
		stories: []string{"caller 487; gate 0 487; cdr cancelled by caller 487"},
	},
	{ // our CANCEL to the gateway meets its 200
		name: "CANCEL and answer cross at the gateway", caller: siptest.Habits{Cancel: 1012 * time.Millisecond, Hangup: never},
		gates: []siptest.Habits{answering(never)}, stories: []string{midway, tooLate, wellInTime},
	},
	{
		name: "CANCEL while the answer is written down", caller: siptest.Habits{Cancel: 1021 * time.Millisecond, Hangup: never},
		gates: []siptest.Habits{answering(never)}, stories: []string{midway, tooLate, wellInTime},
	},
	{
		name: "CANCEL and answer cross at the caller", caller: siptest.Habits{Cancel: 1035 * time.Millisecond, Hangup: never},
		gates: []siptest.Habits{answering(never)}, stories: []string{tooLate, midway, wellInTime},
	},
	{
		name: "nobody answers", caller: siptest.Habits{Hangup: time.Second},
		gates: []siptest.Habits{{Ring: 100 * time.Millisecond, Answer: never, Hangup: never}, answering(never)},
		stories: []string{
			"caller 480; gate 0 487; cdr no_answer by system 480",
			// The 180 was lost: the gateway is silent, and the next one is tried.
			"caller 200 us; gate 0 487; gate 1 200 them; cdr completed by caller 200 answered",
		},
	},
	{
		name: "the API hangs up", caller: siptest.Habits{Hangup: never}, gates: []siptest.Habits{answering(never)}, stop: 7 * time.Second,
		stories: []string{"caller 200 them; gate 0 200 them; cdr api by system 200 answered"},
	},
	{
		name: "the API hangs up what rings", caller: siptest.Habits{Hangup: never}, stop: 500 * time.Millisecond,
		gates: []siptest.Habits{{Ring: 100 * time.Millisecond, Answer: 6 * time.Second, Hangup: never}},
		stories: []string{
			"caller 480; gate 0 487; cdr api by system 480",
			"caller 480; cdr api by system 480", // its INVITE had not arrived, and did not after the CANCEL
		},
	},
	{
		name: "forked", caller: siptest.Habits{Hangup: 3 * time.Second},
		gates:   []siptest.Habits{{Ring: 100 * time.Millisecond, Answer: time.Second, Forks: 2, Hangup: never}},
		stories: []string{"caller 200 us; gate 0 200 them them them; cdr completed by caller 200 answered"},
	},
}
