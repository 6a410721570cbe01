package cdr

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// A coder writes values behind each other, or reads what was written: the same
// list of fields does both, see code_record.go. A value is
//
//	uvarint   tag<<2 | kind
//	content   number: uvarint, zigzag
//	          text:   uvarint length, octets
//	          group:  values, in the order of their tags, and a 0
//
// What is zero is left out, unless it stands for something that is there. A
// reader passes over tags that it does not know, so that fields can be added;
// a tag never changes its meaning.
type coder struct {
	b       []byte // written, or still to be read
	reading bool
	changed bool // what was written reads back as something else
	err     error
}

const (
	kindNumber = iota
	kindText
	kindGroup
	kindBits = 2
)

// groupDepth bounds groups within groups that a reader passes over.
const groupDepth = 8

var errCode = errors.New("cdr: journal entry: not as it was written")

// fail ends reading: whatever follows reads as left out.
func (c *coder) fail() {
	if c.err == nil {
		c.err = errCode
	}
	c.b = nil
}

// uvarint reads a number; 0 after a failure.
func (c *coder) uvarint() uint64 {
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.fail()
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *coder) key(tag, kind uint64) { c.b = append(c.b, byte(tag<<kindBits|kind)) }

// found moves to the value of a tag and reports whether it is there.
func (c *coder) found(tag, kind uint64) bool {
	for c.err == nil && len(c.b) > 0 && c.b[0] != 0 {
		k, n := binary.Uvarint(c.b)
		if n > 0 && k>>kindBits > tag {
			return false
		}
		c.uvarint()
		if k>>kindBits < tag {
			c.skip(k, groupDepth)
			continue
		}
		if k&(1<<kindBits-1) != kind {
			c.fail()
		}
		return c.err == nil
	}
	return false
}

// skip passes over the value of a key.
func (c *coder) skip(key uint64, depth int) {
	switch key & (1<<kindBits - 1) {
	case kindNumber:
		c.uvarint()
	case kindText:
		c.octets()
	case kindGroup:
		for depth > 0 && c.err == nil {
			k := c.uvarint()
			if k == 0 {
				return
			}
			c.skip(k, depth-1)
		}
		c.fail()
	default:
		c.fail()
	}
}

func (c *coder) octets() []byte {
	n := c.uvarint()
	if n > uint64(len(c.b)) {
		c.fail()
		return nil
	}
	b := c.b[:n]
	c.b = c.b[n:]
	return b
}

// open begins a group: it is written if it is there, and reading tells whether
// it is.
func (c *coder) open(tag uint64, there bool) bool {
	if c.reading {
		return c.found(tag, kindGroup)
	}
	if there {
		c.key(tag, kindGroup)
	}
	return there
}

// close ends a group.
func (c *coder) close() {
	if !c.reading {
		c.b = append(c.b, 0)
		return
	}
	for c.err == nil {
		k := c.uvarint()
		if k == 0 {
			return
		}
		c.skip(k, groupDepth)
	}
}

func (c *coder) text(tag uint64, s *string) {
	switch {
	case !c.reading && *s != "":
		c.someText(tag, *s)
	case c.reading && c.found(tag, kindText):
		*s = string(c.octets())
	}
}

func (c *coder) someText(tag uint64, s string) {
	c.key(tag, kindText)
	c.b = append(binary.AppendUvarint(c.b, uint64(len(s))), s...)
}

func (c *coder) number(tag uint64, v int64) {
	c.key(tag, kindNumber)
	c.b = binary.AppendUvarint(c.b, uint64(v)<<1^uint64(v>>63))
}

func (c *coder) readNumber() int64 {
	u := c.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (c *coder) float(tag uint64, f *float64) {
	if c.reading {
		if c.found(tag, kindNumber) {
			*f = math.Float64frombits(uint64(c.readNumber()))
		}
		return
	}
	switch {
	case math.IsNaN(*f) || math.IsInf(*f, 0): // no statistic is worth a lost record
		c.changed = true
	case *f != 0:
		c.number(tag, int64(math.Float64bits(*f)))
	}
}

// time takes a moment to the microsecond. It refuses a year that RFC 3339, and
// so the API, cannot say.
func (c *coder) time(tag uint64, t *time.Time) {
	if c.reading {
		if c.found(tag, kindNumber) {
			*t = c.readTime()
		}
		return
	}
	if !sayable(*t) && c.err == nil {
		c.err = fmt.Errorf("the year %d cannot be written", t.Year())
	}
	c.changed = c.changed || t.Location() != time.UTC || t.Nanosecond()%1000 != 0
	c.number(tag, t.UnixMicro())
}

func (c *coder) readTime() time.Time {
	t := time.UnixMicro(c.readNumber()).UTC()
	if !sayable(t) {
		c.fail()
	}
	return t
}

func sayable(t time.Time) bool {
	const yearZero, yearTenThousand = -62_167_219_200, 253_402_300_800 // seconds since 1970
	return t.Unix() >= yearZero && t.Unix() < yearTenThousand
}

func codeInt[T int | int64 | uint32 | uint64](c *coder, tag uint64, v *T) {
	if !c.reading {
		if *v != 0 {
			c.number(tag, int64(*v))
		}
		return
	}
	if c.found(tag, kindNumber) {
		n := c.readNumber()
		if *v = T(n); int64(*v) != n {
			c.fail()
		}
	}
}

// What may be nil is written whenever it is not.

func codeIntOf[T int | int64](c *coder, tag uint64, v **T) {
	switch {
	case !c.reading && *v != nil:
		c.number(tag, int64(**v))
	case c.reading && c.found(tag, kindNumber):
		n := T(c.readNumber())
		*v = &n
	}
}

func codeTextOf[T ~string](c *coder, tag uint64, v **T) {
	switch {
	case !c.reading && *v != nil:
		c.someText(tag, string(**v))
	case c.reading && c.found(tag, kindText):
		s := T(c.octets())
		*v = &s
	}
}

func (c *coder) timeOf(tag uint64, v **time.Time) {
	switch {
	case !c.reading && *v != nil:
		c.time(tag, *v)
	case c.reading && c.found(tag, kindNumber):
		t := c.readTime()
		*v = &t
	}
}

// codeList is a group for each item. It never reads as nil.
func codeList[T any](c *coder, tag uint64, list *[]T, item func(*coder, *T)) {
	if !c.reading {
		c.changed = c.changed || *list == nil
		for i := range *list {
			c.open(tag, true)
			item(c, &(*list)[i])
			c.close()
		}
		return
	}
	*list = []T{}
	for c.open(tag, true) {
		var v T
		item(c, &v)
		c.close()
		*list = append(*list, v)
	}
}
