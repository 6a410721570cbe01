package txn

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Keys are written as 32 hexadecimal digits. They are good in the process that
// made them.

// MarshalText writes the key (encoding.TextMarshaler).
func (k ServerKey) MarshalText() ([]byte, error) { return digest(k).text(), nil }

// UnmarshalText reads what MarshalText has written (encoding.TextUnmarshaler).
func (k *ServerKey) UnmarshalText(b []byte) error { return (*digest)(k).read(b) }

// MarshalText writes the key (encoding.TextMarshaler).
func (k MergeKey) MarshalText() ([]byte, error) { return digest(k).text(), nil }

// UnmarshalText reads what MarshalText has written (encoding.TextUnmarshaler).
func (k *MergeKey) UnmarshalText(b []byte) error { return (*digest)(k).read(b) }

func (d digest) text() []byte {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], d.high)
	binary.BigEndian.PutUint64(raw[8:], d.low)
	return hex.AppendEncode(nil, raw[:])
}

func (d *digest) read(b []byte) error {
	raw, err := hex.AppendDecode(nil, b)
	if err != nil || len(raw) != 16 {
		return fmt.Errorf("txn: key %q: want 32 hexadecimal digits", b)
	}
	d.high, d.low = binary.BigEndian.Uint64(raw[:8]), binary.BigEndian.Uint64(raw[8:])
	return nil
}

// Compare orders keys, to no end but to have an order.
func (k ServerKey) Compare(other ServerKey) int {
	return cmp.Or(cmp.Compare(k.high, other.high), cmp.Compare(k.low, other.low))
}
