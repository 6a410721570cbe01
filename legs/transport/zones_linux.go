package transport

import (
	"net"
	"strconv"
	"time"
)

// How long the list of interfaces is believed, and how often somebody who is not
// in it makes us look again.
const (
	zonesValid = time.Minute
	zonesRetry = time.Second
)

// zones knows the interfaces, which are the zones of link-local addresses (RFC
// 4007 §11), by the name that we use and by the number that the kernel uses. A
// zone without a name has its number for one. The zero value knows nobody yet.
type zones struct {
	read    time.Time
	names   map[uint32]string
	indexes map[string]uint32
}

func (z *zones) name(index uint32) string {
	z.fresh(zonesValid)
	if _, ok := z.names[index]; !ok {
		z.fresh(zonesRetry)
	}
	if name, ok := z.names[index]; ok {
		return name
	}
	return strconv.FormatUint(uint64(index), 10)
}

// index returns 0, which is no zone, for a name that nobody has.
func (z *zones) index(name string) uint32 {
	z.fresh(zonesValid)
	if _, ok := z.indexes[name]; !ok {
		z.fresh(zonesRetry)
	}
	if index, ok := z.indexes[name]; ok {
		return index
	}
	index, err := strconv.ParseUint(name, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(index)
}

// fresh reads the list unless it is younger than that. When it cannot be read,
// the old one stands.
func (z *zones) fresh(age time.Duration) {
	now := time.Now()
	if now.Sub(z.read) < age {
		return
	}
	z.read = now
	interfaces, err := net.Interfaces()
	if err != nil {
		return
	}
	z.names, z.indexes = make(map[uint32]string, len(interfaces)), make(map[string]uint32, len(interfaces))
	for _, i := range interfaces {
		z.names[uint32(i.Index)], z.indexes[i.Name] = i.Name, uint32(i.Index)
	}
}
