package legs

import "b2bua/legs/shard"

// A directory has the legs of a shard, by every local tag.
type directory struct{ index shard.Index[leg] }

// byTag is the leg of a local tag; nil when there is none.
func (c *Core) byTag(tag string) leg { return c.legs.find(tag) }

func (d *directory) find(tag string) leg {
	l, _ := d.index.Find(shard.Hash(tag), func(l leg) bool { return hasTag(l, tag) })
	return l
}

func hasTag(l leg, tag string) bool {
	for i := range l.tags() {
		if l.tagAt(i) == tag {
			return true
		}
	}
	return false
}

// add lists a leg under a tag, instead of any other.
func (d *directory) add(tag string, l leg) {
	if was := d.find(tag); was != nil {
		d.remove(tag, was)
	}
	d.index.Add(shard.Hash(tag), l)
}

// remove takes a leg out, if it is listed under that tag.
func (d *directory) remove(tag string, l leg) { d.index.Remove(shard.Hash(tag), l) }

// enlist makes a leg reachable by those of its tags that are new.
func (c *Core) enlist(l leg) {
	r := l.base()
	for ; r.known < l.tags(); r.known++ {
		c.legs.add(l.tagAt(r.known), l)
	}
}
