package rtprelay

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if seconds := os.Getenv(phonesEnv); seconds != "" {
		if err := phones(seconds); err != nil {
			fmt.Fprintln(os.Stderr, "phones:", err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}
