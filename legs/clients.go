package legs

import (
	"iter"

	"b2bua/legs/shard"
	"b2bua/legs/txn"
)

// clients are the client transactions of a shard.
type clients struct{ index shard.Index[*clientTx] }

// add files a transaction, unless there is one with that key already.
func (s *clients) add(tx *clientTx) {
	tx.hash = shard.Hash(tx.Branch)
	if s.get(tx.hash, tx.Branch, tx.Method) == nil {
		s.index.Add(tx.hash, tx)
	}
}

// find returns the transaction of a response, or of a request of ours; nil when
// there is none.
func (s *clients) find(key txn.ClientKey) *clientTx {
	return s.get(shard.Hash(key.Branch), key.Branch, key.Method)
}

func (s *clients) get(hash uint64, branch, method string) *clientTx {
	tx, _ := s.index.Find(hash, func(tx *clientTx) bool { return tx.Method == method && tx.Branch == branch })
	return tx
}

// remove takes a transaction out, and reports whether it was there.
func (s *clients) remove(tx *clientTx) bool { return s.index.Remove(tx.hash, tx) }

func (s *clients) count() int { return s.index.Len() }

// all yields them in no order. None may be added or removed meanwhile.
func (s *clients) all() iter.Seq[*clientTx] { return s.index.All() }
