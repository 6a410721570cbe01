package resolve

import (
	"container/list"
	"net/netip"
	"time"
)

// A cache remembers a bounded number of answers; the oldest makes room. It is not
// safe for concurrent use.
type cache struct {
	limit  int
	byName map[string]*list.Element // of entry
	order  *list.List               // the oldest in front
}

type entry struct {
	name  string
	addrs []netip.Addr
	err   error
	until time.Time
}

func newCache(limit int) cache {
	return cache{limit: limit, byName: make(map[string]*list.Element), order: list.New()}
}

// get returns the entry of name unless it is too old, in which case it goes.
func (c *cache) get(name string, now time.Time) (entry, bool) {
	el, ok := c.byName[name]
	if !ok {
		return entry{}, false
	}
	e := el.Value.(entry)
	if !now.Before(e.until) {
		c.remove(el)
		return entry{}, false
	}
	return e, true
}

func (c *cache) put(e entry) {
	if el, ok := c.byName[e.name]; ok {
		c.remove(el)
	}
	if c.order.Len() >= c.limit {
		c.remove(c.order.Front())
	}
	c.byName[e.name] = c.order.PushBack(e)
}

func (c *cache) remove(el *list.Element) {
	delete(c.byName, c.order.Remove(el).(entry).name)
}

func (c *cache) len() int { return c.order.Len() }
