package legs

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"b2bua/legs/sipmsg"
	"b2bua/legs/txn"
)

// serversWorld holds what servers hold, in a list that is searched from end to end.
type serversWorld struct {
	servers servers
	g       images
	now     time.Time
	list    []filed // the oldest remnant first
}

type filed struct {
	key     txn.ServerKey
	merge   txn.MergeKey
	tx      *serverTx // nil of a remnant
	expires time.Time
}

func drawServer(t *rapid.T) txn.ServerKey {
	branch := sipmsg.Param{Name: "branch", Value: "z9hG4bK" + fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "branch"))}
	return txn.RequestKey(&sipmsg.Message{Method: "BYE", Vias: []sipmsg.Via{{Host: "h", Params: sipmsg.Params{branch}}}})
}

func drawMerge(t *rapid.T) txn.MergeKey {
	n := rapid.IntRange(0, 3).Draw(t, "call")
	if n == 0 {
		return txn.MergeKey{}
	}
	return txn.MergeKeyOf(&sipmsg.Message{Method: "BYE", CallID: fmt.Sprint(n), CSeq: 1})
}

func (w *serversWorld) index(k txn.ServerKey) int {
	return slices.IndexFunc(w.list, func(f filed) bool { return f.key == k })
}

// prune forgets the remnants that are over.
func (w *serversWorld) prune() {
	w.list = slices.DeleteFunc(w.list, func(f filed) bool { return f.tx == nil && !w.now.Before(f.expires) })
}

func (w *serversWorld) check(t *rapid.T) {
	w.prune()
	n := 0
	for tx := range w.servers.all(w.now) {
		if w.index(tx.key) < 0 {
			t.Fatalf("there is %v", tx.key)
		}
		n++
	}
	if n != len(w.list) || w.servers.count(w.now) != n {
		t.Fatalf("%d, counted %d, want %d", n, w.servers.count(w.now), len(w.list))
	}
	for _, f := range w.list {
		found := []*serverTx{w.servers.find(f.key, w.now)}
		if f.merge != (txn.MergeKey{}) {
			found = append(found, w.servers.merged(f.merge, w.now))
		}
		for _, tx := range found {
			if tx == nil || tx.key != f.key || tx.merge != f.merge || (f.tx != nil && tx != f.tx) {
				t.Fatalf("%+v: got %+v", f, tx)
			}
		}
	}
	if w.servers.merged(txn.MergeKey{}, w.now) != nil {
		t.Fatal("the zero key finds something")
	}
}

func (w *serversWorld) add(t *rapid.T) {
	k, m := drawServer(t), drawMerge(t)
	w.prune()
	w.servers.find(k, w.now) // as who files a request has asked
	w.servers.merged(m, w.now)
	tx := &serverTx{key: k, Server: txn.Server{Method: "BYE", State: txn.Completed, Response: []byte("ok"), Clock: txn.Clock{ExpireAt: w.now.Add(time.Second)}}}
	there := w.index(k) >= 0
	w.servers.add(m, tx)
	if w.servers.has(tx) == there {
		t.Fatalf("%v: there is %v", k, there)
	}
	if there {
		return
	}
	if slices.ContainsFunc(w.list, func(f filed) bool { return f.merge == m }) {
		m = txn.MergeKey{} // the first copy stands for all
	}
	w.list = append(w.list, filed{k, m, tx, tx.Clock.ExpireAt})
}

func (w *serversWorld) linger(t *rapid.T) {
	i := w.index(drawServer(t))
	if i < 0 || w.list[i].tx == nil {
		return
	}
	f := w.list[i]
	if w.servers.remnants.len() == 0 {
		w.servers.remnants.base = dawn
	}
	w.servers.move(f.tx, remnantAt(w.servers.remnants.add(f.tx, &w.g)))
	f.tx = nil
	w.list = append(slices.Delete(w.list, i, i+1), f)
}

func (w *serversWorld) remove(t *rapid.T) {
	i := w.index(drawServer(t))
	if i < 0 || w.list[i].tx == nil {
		return
	}
	tx := w.list[i].tx
	if !w.servers.remove(tx) || w.servers.remove(tx) {
		t.Fatalf("%v was not removed once", tx.key)
	}
	w.list = slices.Delete(w.list, i, i+1)
}

// Whatever is filed, moved among the remnants, removed, over and swept: it is found
// by both its keys for as long as it is there.
func TestServersModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &serversWorld{now: dawn}
		t.Repeat(map[string]func(*rapid.T){
			"":       w.check,
			"add":    w.add,
			"linger": w.linger,
			"remove": w.remove,
			"wait":   func(*rapid.T) { w.now = w.now.Add(300 * time.Millisecond) },
			"sweep":  func(*rapid.T) { w.servers.sweep(w.now, nil) },
		})
	})
}
