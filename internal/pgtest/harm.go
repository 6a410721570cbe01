//go:build unix

package pgtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// What can happen to a server that tests have started for themselves.

// Stop stops the server at once, as pg_ctl stop -m immediate does: connections
// break, new ones are refused, and the next start recovers from the log.
func (c *Cluster) Stop(t testing.TB) {
	t.Helper()
	c.command(t, "stop")
}

// Restart starts a server that was stopped and returns when it answers.
func (c *Cluster) Restart(t testing.TB) {
	t.Helper()
	c.command(t, "start")
	if err := c.await(); err != nil {
		t.Fatalf("pgtest: %v%s", err, c.log())
	}
}

func (c *Cluster) command(t testing.TB, command string) {
	t.Helper()
	_, err := fmt.Fprintln(c.watched, command)
	if err == nil {
		_, err = c.answers.ReadString('\n')
	}
	if err != nil {
		t.Fatalf("pgtest: %s: %v%s", command, err, c.log())
	}
}

// Freeze stops every process of the server where it stands: connections stay
// open, new ones are taken by the kernel, and nothing is answered.
func (c *Cluster) Freeze(t testing.TB) {
	t.Helper()
	c.signalAll(t, syscall.SIGSTOP)
}

// Thaw lets a frozen server go on.
func (c *Cluster) Thaw(t testing.TB) {
	t.Helper()
	c.signalAll(t, syscall.SIGCONT)
}

// signalAll sends sig to the main process, which can then start no more, and
// to what it has started.
func (c *Cluster) signalAll(t testing.TB, sig syscall.Signal) {
	t.Helper()
	c.Signal(t, sig)
	main, err := c.serverPID()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	out, err := exec.CommandContext(t.Context(), "ps", "-A", "-o", "pid=", "-o", "ppid=").Output()
	if err != nil {
		t.Fatalf("pgtest: ps: %v", err)
	}
	signalled := 0
	for line := range strings.Lines(string(out)) {
		var pid, parent int
		if _, err := fmt.Sscan(line, &pid, &parent); err == nil && parent == main && syscall.Kill(pid, sig) == nil {
			signalled++
		}
	}
	if signalled == 0 {
		t.Fatal("pgtest: the server has no processes")
	}
}

// Refuse ends every session and refuses new ones, as a server does whose
// pg_hba.conf has no place for us.
func (c *Cluster) Refuse(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	inside, err := pgx.Connect(ctx, c.url("postgres"))
	if err != nil {
		t.Fatalf("pgtest: %v%s", err, c.log())
	}
	defer func() { _ = inside.Close(ctx) }() // it has done its work
	c.admit(ctx, t, "reject", func(err error) bool { return err != nil && strings.Contains(err.Error(), "28000") })
	const end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
	if _, err := inside.Exec(ctx, end); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
}

// Admit lets sessions in again.
func (c *Cluster) Admit(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c.admit(ctx, t, "trust", func(err error) bool { return err == nil })
}

// admit says how sessions are let in, and returns when connecting shows it.
func (c *Cluster) admit(ctx context.Context, t testing.TB, how string, shows func(error) bool) {
	t.Helper()
	file := filepath.Join(c.dir, "data", "pg_hba.conf")
	if err := os.WriteFile(file, []byte("local all all "+how+"\n"), 0o600); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	c.Signal(t, syscall.SIGHUP)
	for {
		conn, err := pgx.Connect(ctx, c.url("postgres"))
		if err == nil {
			_ = conn.Close(ctx) // it was only to see
		}
		if shows(err) {
			return
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("pgtest: %s: %v%s", how, err, c.log())
		}
	}
}

// SignalSessions sends sig to the processes of the sessions whose last
// statement begins so, and returns how many they are: SIGTERM ends a session,
// SIGSTOP hangs it alone.
func (c *Cluster) SignalSessions(t testing.TB, statement string, sig syscall.Signal) (sessions int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.url("postgres"))
	if err != nil {
		t.Fatalf("pgtest: %v%s", err, c.log())
	}
	defer func() { _ = conn.Close(ctx) }() // it has done its work
	rows, _ := conn.Query(ctx, "SELECT pid FROM pg_stat_activity WHERE starts_with(query, $1) AND pid <> pg_backend_pid()", statement)
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		t.Fatalf("pgtest: %v%s", err, c.log())
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, sig); err != nil {
			t.Fatalf("pgtest: %v", err)
		}
	}
	return len(pids)
}
