package pgtest_test

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"b2bua/internal/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ask(t *testing.T, url, query string) (answer string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if err := conn.QueryRow(ctx, query).Scan(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// Every test has a database of its own, and the server's defaults are not
// those that hide mistakes.
func TestURL(t *testing.T) {
	t.Parallel()
	first, second := pgtest.URL(t), pgtest.URL(t)
	if ask(t, first, "SELECT current_database()") == ask(t, second, "SELECT current_database()") {
		t.Error("two calls gave the same database")
	}
	if zone := ask(t, first, "SHOW timezone"); zone != "Asia/Kolkata" {
		t.Errorf("time zone %s", zone)
	}
	if got := ask(t, first, "SELECT ('a' < 'B')::text"); got != "true" {
		t.Errorf("the server sorts octet by octet: 'a' < 'B' is %s", got)
	}
}

// A server of one's own can be harmed and is gone afterwards.
func TestStart(t *testing.T) {
	t.Parallel()
	var dir string
	t.Cleanup(func() { // runs after the server's own
		if _, err := os.Stat(strings.TrimSuffix(dir, "/data")); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", dir, err)
		}
	})
	c := pgtest.Start(t)
	url := c.Database(t)
	dir = ask(t, url, "SHOW data_directory")
	c.Signal(t, syscall.SIGSTOP)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := pgx.Connect(ctx, url); err == nil {
		t.Error("a stopped server answers")
	}
}

// A server can be stopped, hung and shut, and be itself again.
func TestHarm(t *testing.T) {
	t.Parallel()
	c := pgtest.Start(t)
	url := c.Database(t)
	for name, harm := range map[string]struct{ begin, end func(testing.TB) }{
		"stopped": {c.Stop, c.Restart}, "frozen": {c.Freeze, c.Thaw}, "refusing": {c.Refuse, c.Admit},
	} {
		before, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		harm.begin(t)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if _, err := pgx.Connect(ctx, url); err == nil {
			t.Errorf("%s: a new session is let in", name)
		}
		if err := before.Ping(ctx); err == nil {
			t.Errorf("%s: an old session goes on", name)
		}
		cancel()
		harm.end(t)
		if got := ask(t, url, "SELECT count(*)::text FROM pg_class WHERE relname = 'things'"); got != "0" {
			t.Errorf("%s: %s things", name, got)
		}
		_ = before.Close(t.Context()) // broken, or not
	}
}
