package txn

import (
	"encoding/json"
	"testing"
)

func TestKeysAreWritten(t *testing.T) {
	t.Parallel()
	type keys struct {
		S ServerKey
		M MergeKey
	}
	was := keys{ServerKey(digestOf(requestParts{branch: "a"})), MergeKey(digestOf(mergeParts{callID: "b"}))}
	raw, err := json.Marshal(was)
	if err != nil {
		t.Fatal(err)
	}
	var back keys
	if err := json.Unmarshal(raw, &back); err != nil || back != was {
		t.Fatalf("%s: %v, %v", raw, back, err)
	}
	for _, bad := range []string{"", "00", "zz", string(make([]byte, 32))} {
		if err := back.S.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is a key", bad)
		}
	}
}
