package legs

import (
	"runtime/debug"

	"b2bua/legs/sipmsg"
)

// culprit is whose work is in hand, nil when nobody's.
func (c *Core) culprit() any {
	if c.leg != nil {
		return c.leg.Owner()
	}
	return c.owner
}

// crashed is the panic fence of a shard: the work in hand is given up, its call
// ended, and everybody else's events are delivered as if nothing had happened.
func (c *Core) crashed(v any, stack []byte) {
	for {
		c.giveUp(v, stack)
		if v, stack = c.fenced(c.deliver); v == nil {
			break
		}
	}
	c.rest()
}

// giveUp ends the call whose work panicked. A handler that fails even then is
// left behind: the leg in hand ends without it.
func (c *Core) giveUp(v any, stack []byte) {
	c.report(v, stack)
	owner, l, hand := c.culprit(), c.leg, c.hand
	c.rest()
	for _, last := range []func(){
		func() { c.stack.cfg.Handler.Crashed(c, owner) },
		func() { c.abandon(l) },
		func() { c.apologise(hand) },
	} {
		if v, stack := c.fenced(last); v != nil {
			c.report(v, stack)
			c.rest()
		}
	}
}

func (c *Core) report(v any, stack []byte) {
	c.stack.metrics.panics.Inc()
	c.stack.log.Error("a call crashed", "panic", v, "stack", string(stack))
}

// abandon hangs a leg up that nobody else will.
func (c *Core) abandon(l leg) {
	if l == nil {
		return
	}
	r := l.base()
	r.hopBusy, r.waiting = false, nil
	if in, ok := l.(*Inbound); ok && (in.State() == Trying || in.State() == Early) {
		in.Refuse(500, "", nil)
		return
	}
	l.Hangup("")
}

// apologise answers a request whose work crashed before there was an answer.
func (c *Core) apologise(hand *serverTx) {
	if hand != nil && hand.req != nil {
		c.answer(hand, sipmsg.NewResponse(hand.req, 500, "", statelessTag(hand.req)))
	}
}

// fenced runs fn and returns what it panicked with, nil when it did not.
func (c *Core) fenced(fn func()) (v any, stack []byte) {
	defer func() {
		if v = recover(); v != nil {
			stack = debug.Stack()
		}
	}()
	fn()
	return nil, nil
}
