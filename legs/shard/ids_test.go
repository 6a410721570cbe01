package shard

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestOwnerOfEveryShard(t *testing.T) {
	for i := range Count {
		s := NewSeed(0xbeef, ID(i))
		for _, id := range []string{s.Next(), s.Branch(), s.Next()} {
			node, owner, ok := Owner(id)
			if !ok || node != 0xbeef || owner != ID(i) {
				t.Fatalf("Owner(%q) = %x %d %v, want beef %d", id, node, owner, ok, i)
			}
		}
	}
}

// The ids are a pure function of the seed, and the seed is plain data.
func TestSeedIsPlainData(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewSeed(rapid.Uint16().Draw(t, "node"), ID(rapid.Byte().Draw(t, "shard")))
		for range rapid.IntRange(0, 5).Draw(t, "used") {
			s.Next()
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var restored Seed
		if err := json.Unmarshal(text, &restored); err != nil {
			t.Fatal(err)
		}
		copied := s
		want := []string{s.Next(), s.Branch()}
		for _, other := range []Seed{restored, copied} {
			if got := []string{other.Next(), other.Branch()}; got[0] != want[0] || got[1] != want[1] {
				t.Fatalf("got %v, want %v", got, want)
			}
		}
		if node, id, ok := Owner(want[0]); !ok || node != s.Node || id != s.Shard {
			t.Fatalf("Owner(%q) = %d %d %v", want[0], node, id, ok)
		}
	})
}

func TestTokensDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		s := NewSeed(1, 2)
		for range 100 {
			id := s.Next()
			if seen[id] {
				t.Fatalf("%q twice", id)
			}
			if len(id) != 25 || strings.Trim(id, alphabet) != "" {
				t.Fatalf("%q is not 25 lower-case letters and digits", id)
			}
			seen[id] = true
		}
	}
}

func TestOwnerRefusesForeign(t *testing.T) {
	s := NewSeed(1, 2)
	token := s.Next()
	for _, id := range []string{
		"", "1928301774", "z9hG4bK776asdhds", "z9hG4bK", cookie + cookie + token,
		token[1:], token + "0", token[:24], "c" + token[1:], strings.ToUpper(token),
		token[:10] + "w" + token[11:], token[:10] + "-" + token[11:], token[:10] + "\x00" + token[11:],
		"as" + token, cookie + token[1:], "z9hG4bL" + token,
	} {
		if _, _, ok := Owner(id); ok {
			t.Errorf("Owner(%q) claims it", id)
		}
	}
	if _, id, ok := Owner("Z9HG4BK" + token); !ok || id != 2 {
		t.Error("the cookie is compared by case")
	}
}

func FuzzOwner(f *testing.F) {
	s := Seed{Key: [16]byte{1}, Node: 7, Shard: 9}
	f.Add(s.Next())
	f.Add(s.Branch())
	f.Add("z9hG4bK776asdhds")
	f.Fuzz(func(t *testing.T, token string) {
		node, id, ok := Owner(token)
		if !ok {
			return
		}
		// What is accepted has our form, and says what it says.
		bare := token[max(0, len(token)-tokenLen):]
		var raw [tokenBytes]byte
		if n, err := encoding.Decode(raw[:], []byte(bare[1:])); err != nil || n != tokenBytes {
			t.Fatalf("accepted %q: %v", token, err)
		}
		if node != uint16(raw[0])<<8|uint16(raw[1]) || id != ID(raw[2]) {
			t.Fatalf("Owner(%q) = %d %d", token, node, id)
		}
	})
}

func TestOf(t *testing.T) {
	callID, tag := "a84b4c76e66710", "1928301774"
	first := Of(callID, tag)
	if second := Of(strings.Clone(callID), strings.Clone(tag)); first != second {
		t.Error("not a function")
	}
	var perShard [Count]int
	differ := false
	for i := range 100 * Count {
		id := Of(fmt.Sprintf("%d@10.0.0.1", i), "tag")
		perShard[id]++
		differ = differ || Of(fmt.Sprint(i), "1") != Of(fmt.Sprint(i, "1"), "")
	}
	if !differ {
		t.Error("Call-ID and From-tag run into each other")
	}
	for id, n := range perShard {
		if n < 50 || n > 170 { // 100 on average, five standard deviations
			t.Errorf("shard %d has %d of %d", id, n, 100*Count)
		}
	}
}

func TestIDAllocations(t *testing.T) {
	s := NewSeed(1, 2)
	branch := s.Branch()
	for name, tt := range map[string]struct {
		want float64
		f    func()
	}{
		"Next":  {1, func() { s.Next() }},
		"Owner": {0, func() { Owner(branch) }},
		"Of":    {0, func() { Of("a84b4c76e66710@pc33.atlanta.com", "1928301774") }},
	} {
		if n := testing.AllocsPerRun(100, tt.f); n > tt.want {
			t.Errorf("%s: %v allocations, want %v", name, n, tt.want)
		}
	}
}

func BenchmarkSeedNext(b *testing.B) {
	s := NewSeed(1, 2)
	b.ReportAllocs()
	for b.Loop() {
		s.Next()
	}
}
