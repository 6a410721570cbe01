package shard

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"hash/maphash"
	"strings"
)

// The form of a token: one version character, then 15 bytes in base32, lower
// case: node (2), shard (1), random (12). Lower case only, because tags and
// branches are compared without regard to case (RFC 3261 §7.3.1).
const (
	version     = 'b'
	alphabet    = "0123456789abcdefghijklmnopqrstuv"
	randomBytes = 12
	tokenBytes  = 3 + randomBytes
	tokenLen    = 1 + tokenBytes*8/5
	cookie      = "z9hG4bK" // RFC 3261 §8.1.1.7
)

// Tables and keys; never written after start. The hash key is the process's own,
// so that nobody outside can aim at one shard.
var (
	encoding = base32.NewEncoding(alphabet).WithPadding(base32.NoPadding)
	hashKey  = maphash.MakeSeed()
)

// A Seed makes the ids of one call: tags, branches, SIP Call-IDs and Contact
// users, all carrying the call's shard. It is plain data and part of the call's
// state: the ids are a pure function of it, so that a call that is written out
// and read back, or replayed, makes the same ones. The zero Seed is predictable
// and must not be used; make one with [NewSeed].
type Seed struct {
	Key   [16]byte // secret: whoever knows it can foretell the ids
	N     uint32   // ids made so far
	Node  uint16   // the node that owns the call
	Shard ID
}

// NewSeed makes a seed with a fresh random key.
func NewSeed(node uint16, id ID) Seed {
	s := Seed{Node: node, Shard: id}
	_, _ = rand.Read(s.Key[:]) // never fails: crypto/rand aborts the process instead
	return s
}

// Next makes the next token, 25 lower-case letters and digits with 96 random
// bits.
func (s *Seed) Next() string {
	var room [tokenLen]byte
	return string(s.AppendNext(room[:0]))
}

// AppendNext appends what Next would return.
func (s *Seed) AppendNext(dst []byte) []byte {
	var out [tokenLen]byte
	s.next(&out)
	return append(dst, out[:]...)
}

// Branch makes the next Via branch: the magic cookie and a token.
func (s *Seed) Branch() string {
	var room [len(cookie) + tokenLen]byte
	return string(s.AppendBranch(room[:0]))
}

// AppendBranch appends what Branch would return.
func (s *Seed) AppendBranch(dst []byte) []byte { return s.AppendNext(append(dst, cookie...)) }

func (s *Seed) next(out *[tokenLen]byte) {
	s.N++
	var in [len(s.Key) + 4]byte
	copy(in[:], s.Key[:])
	binary.BigEndian.PutUint32(in[len(s.Key):], s.N)
	sum := sha256.Sum256(in[:])

	var raw [tokenBytes]byte
	binary.BigEndian.PutUint16(raw[:], s.Node)
	raw[2] = byte(s.Shard)
	copy(raw[3:], sum[:randomBytes])

	out[0] = version
	encoding.Encode(out[1:], raw[:])
}

// Owner reads the node and the shard out of a token or branch that a [Seed] has
// made. ok is false for everything else. A stranger can make up a token that
// looks like ours; it finds nothing on the shard that it names.
func Owner(token string) (node uint16, id ID, ok bool) {
	if len(token) == len(cookie)+tokenLen && strings.EqualFold(token[:len(cookie)], cookie) {
		token = token[len(cookie):]
	}
	if len(token) != tokenLen || token[0] != version {
		return 0, 0, false
	}
	var head uint32 // the first 25 bits: node, shard and one random bit
	for i := 1; i < tokenLen; i++ {
		v, ok := digit(token[i])
		if !ok {
			return 0, 0, false
		}
		if i <= 5 {
			head = head<<5 | v
		}
	}
	return uint16(head >> 9), ID(head >> 1), true
}

func digit(c byte) (uint32, bool) {
	switch {
	case '0' <= c && c <= '9':
		return uint32(c - '0'), true
	case 'a' <= c && c <= 'v':
		return uint32(c-'a') + 10, true
	default:
		return 0, false
	}
}

// Of returns the shard for a message that carries no id of ours. All requests of
// one caller for one call give the same shard (Call-ID and From-tag), as long as
// the process lives.
func Of(callID, fromTag string) ID {
	var h maphash.Hash
	h.SetSeed(hashKey)
	_, _ = h.WriteString(callID)
	_ = h.WriteByte(0) // cannot be part of either
	_, _ = h.WriteString(fromTag)
	return ID(h.Sum64())
}
