package legs

import (
	"sync"
	"unsafe"

	"b2bua/legs/transport"
)

// images are where messages that have been written are kept, each for as long as
// its transaction may have to send it again. Then its memory serves another one.
// The lengths that there are have steps of imageStep bytes; a longer message than
// the longest is left to the garbage collector. A nil *images has nothing to spare.
type images struct {
	pools [imageSizes]sync.Pool // of *byte, the first of (i+1)*imageStep
	// spoil writes over what is given back, for tests: then it is not used again.
	spoil bool
}

const (
	imageStep  = 64
	imageSizes = 32 // up to 2048 bytes
)

// keep returns a copy of a message.
func (g *images) keep(raw []byte) []byte {
	return append(g.room(len(raw)), raw...)
}

// room is memory for so many bytes, and less than imageStep more.
func (g *images) room(n int) []byte {
	i := (n + imageStep - 1) / imageStep
	if g == nil || i == 0 || i > imageSizes {
		return make([]byte, 0, n)
	}
	if first, ok := g.pools[i-1].Get().(*byte); ok {
		return unsafe.Slice(first, i*imageStep)[:0]
	}
	return make([]byte, 0, i*imageStep)
}

// free takes the memory of a message back, which nobody may read any more.
func (g *images) free(raw []byte) {
	i := cap(raw) / imageStep
	switch {
	case g.spoil:
		for j := range raw {
			raw[j] = '?'
		}
	case i > 0 && i <= imageSizes && cap(raw) == i*imageStep:
		g.pools[i-1].Put(unsafe.SliceData(raw))
	}
}

// spend takes back what a transaction has let go of: was is what it had to send,
// and has what it has now. Over a stream nobody says when it has been written.
func (c *Core) spend(flow transport.Flow, was, has []byte) {
	if len(was) == 0 || len(has) > 0 && &was[0] == &has[0] || c.stream(flow) {
		return
	}
	c.spent.images = append(c.spent.images, was)
}
