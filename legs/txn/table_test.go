package txn_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"b2bua/legs/sipmsg"
	"b2bua/legs/txn"
)

// tableWorld holds what a Table holds, in lists that are searched from end to end.
type tableWorld struct {
	table   txn.Table[int]
	clients map[txn.ClientKey]int
	servers []filed
	next    int
}

type filed struct {
	key   txn.ServerKey
	merge txn.MergeKey
	value int
}

func drawClient(t *rapid.T) txn.ClientKey {
	return txn.ClientKey{
		Branch: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "branch"),
		Method: rapid.SampledFrom([]string{"INVITE", "CANCEL"}).Draw(t, "method"),
	}
}

func drawServer(t *rapid.T) txn.ServerKey {
	branch := sipmsg.Param{Name: "branch", Value: "z9hG4bK" + fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "branch"))}
	return txn.RequestKey(&sipmsg.Message{Method: "INVITE", Vias: []sipmsg.Via{{
		Host: "h", Port: rapid.IntRange(1, 2).Draw(t, "port"), Params: sipmsg.Params{branch},
	}}})
}

func drawMerge(t *rapid.T) txn.MergeKey {
	n := rapid.IntRange(0, 2).Draw(t, "call")
	if n == 0 {
		return txn.MergeKey{}
	}
	return txn.MergeKeyOf(&sipmsg.Message{Method: "INVITE", CallID: fmt.Sprint(n), CSeq: 1})
}

func (w *tableWorld) index(k txn.ServerKey) int {
	return slices.IndexFunc(w.servers, func(f filed) bool { return f.key == k })
}

func (w *tableWorld) check(t *rapid.T) {
	if w.table.Clients() != len(w.clients) || w.table.Servers() != len(w.servers) {
		t.Fatalf("%d and %d, want %d and %d", w.table.Clients(), w.table.Servers(), len(w.clients), len(w.servers))
	}
	for k, want := range w.clients {
		if v, ok := w.table.Client(k); !ok || v != want {
			t.Fatalf("%v: got %v %v, want %v", k, v, ok, want)
		}
	}
	for _, f := range w.servers {
		if v, ok := w.table.Server(f.key); !ok || v != f.value {
			t.Fatalf("%v: got %v %v, want %v", f.key, v, ok, f.value)
		}
		if f.merge == (txn.MergeKey{}) {
			continue
		}
		if v, ok := w.table.Merged(f.merge); !ok || v != f.value {
			t.Fatalf("%v: got %v %v, want %v", f.merge, v, ok, f.value)
		}
	}
	if _, ok := w.table.Merged(txn.MergeKey{}); ok {
		t.Fatal("the zero key finds something")
	}
}

func (w *tableWorld) addClient(t *rapid.T) {
	k := drawClient(t)
	_, there := w.clients[k]
	w.next++
	if w.table.AddClient(k, w.next) == there {
		t.Fatalf("%v: there is %v", k, there)
	}
	if !there {
		w.clients[k] = w.next
	}
}

func (w *tableWorld) removeClient(t *rapid.T) {
	k := drawClient(t)
	w.table.RemoveClient(k)
	delete(w.clients, k)
	if _, ok := w.table.Client(k); ok {
		t.Fatalf("%v is still there", k)
	}
}

func (w *tableWorld) addServer(t *rapid.T) {
	k, m := drawServer(t), drawMerge(t)
	w.next++
	there := w.index(k) >= 0
	if ok := w.table.AddServer(k, m, w.next); ok == there {
		t.Fatalf("%v: there is %v", k, there)
	}
	if there {
		return
	}
	if slices.ContainsFunc(w.servers, func(f filed) bool { return f.merge == m }) {
		m = txn.MergeKey{} // the first copy stands for all
	}
	w.servers = append(w.servers, filed{k, m, w.next})
}

func (w *tableWorld) moveServer(t *rapid.T) {
	k := drawServer(t)
	if i := w.index(k); i >= 0 {
		w.next++
		w.table.MoveServer(k, w.next)
		w.servers[i].value = w.next
	}
}

func (w *tableWorld) removeServer(t *rapid.T) {
	k := drawServer(t)
	w.table.RemoveServer(k)
	i := w.index(k)
	if i < 0 {
		return
	}
	m := w.servers[i].merge
	w.servers = slices.Delete(w.servers, i, i+1)
	if _, ok := w.table.Merged(m); ok {
		t.Fatalf("%v is gone and its merge key is not", k)
	}
}

func TestTableModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &tableWorld{clients: map[txn.ClientKey]int{}}
		t.Repeat(map[string]func(*rapid.T){
			"":              w.check,
			"add client":    w.addClient,
			"remove client": w.removeClient,
			"add server":    w.addServer,
			"move server":   w.moveServer,
			"remove server": w.removeServer,
		})
	})
}
