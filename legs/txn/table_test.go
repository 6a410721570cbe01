package txn_test

import (
	"fmt"
	"slices"
	"testing"
	"unsafe"

	"pgregory.net/rapid"

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
	return txn.ServerKey{
		Branch: fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "branch")),
		Host:   "h", Port: uint16(rapid.IntRange(1, 2).Draw(t, "port")), Method: "INVITE",
	}
}

func drawMerge(t *rapid.T) txn.MergeKey {
	n := rapid.IntRange(0, 2).Draw(t, "call")
	if n == 0 {
		return txn.MergeKey{}
	}
	return txn.MergeKey{FromTag: "f", CallID: fmt.Sprint(n), Method: "INVITE", CSeq: 1}
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
	if _, ok := w.table.AddServer(k, m, w.next); ok == there {
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
			"remove server": w.removeServer,
		})
	})
}

// What the Table keeps must not keep the datagram it was cut from.
func TestTableOwnsItsKeys(t *testing.T) {
	t.Parallel()
	datagram := "z9hG4bKabc pbx.example.com INVITE from1 call1"
	key := txn.ServerKey{Branch: datagram[:10], Host: datagram[11:26], Port: 5060, Method: datagram[27:33]}
	merge := txn.MergeKey{FromTag: datagram[34:39], CallID: datagram[40:], Method: datagram[27:33], CSeq: 1}
	var table txn.Table[int]
	kept, ok := table.AddServer(key, merge, 7)
	if !ok || kept != key {
		t.Fatalf("kept as %+v, want %+v", kept, key)
	}
	start := uintptr(unsafe.Pointer(unsafe.StringData(datagram)))
	for _, s := range []string{kept.Branch, kept.Host, kept.Method} {
		if p := uintptr(unsafe.Pointer(unsafe.StringData(s))); p >= start && p < start+uintptr(len(datagram)) {
			t.Errorf("%q points into the datagram", s)
		}
	}
	if v, ok := table.Merged(merge); !ok || v != 7 {
		t.Errorf("merged: %v %v", v, ok)
	}
	table.RemoveServer(kept)
	if _, ok := table.Merged(merge); ok || table.Servers() != 0 {
		t.Error("something is left")
	}
}
