//go:build unix

package pgtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	superuser = "postgres"
	missing   = "pgtest: Postgres is not installed; run: apt-get install -y postgresql"
)

// shared starts the server of this process at its first call.
var shared = sync.OnceValues(start)

// Start starts a server for this test alone, for tests that harm it, and stops
// it when the test ends.
func Start(t testing.TB) *Cluster {
	t.Helper()
	c, err := start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.kill)
	return c
}

// Signal sends sig to the server's main process: SIGSTOP hangs it for new
// connections, SIGINT stops it at once, and so on.
func (c *Cluster) Signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	pid, err := c.serverPID()
	if err == nil {
		err = syscall.Kill(pid, sig)
	}
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
}

func (c *Cluster) serverPID() (int, error) {
	var pid int
	_, err := fmt.Sscan(readFile(filepath.Join(c.dir, "data", "postmaster.pid")), &pid)
	return pid, err
}

// kill ends the server and its watcher.
func (c *Cluster) kill() {
	if pid, err := c.serverPID(); err == nil {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
	if c.watched == nil {
		return
	}
	_ = c.watched.Close() // the watcher sees the end of its input
	_ = c.watcher.Wait()
}

// start makes a data directory and starts a server on it.
func start() (*Cluster, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "b2bua-pg-")
	if err != nil {
		return nil, fmt.Errorf("pgtest: %w", err)
	}
	c := &Cluster{dir: dir}
	if err := c.run(bin); err != nil {
		c.kill()
		return nil, fmt.Errorf("pgtest: %w%s", err, c.log())
	}
	return c, nil
}

// binaries returns the directory of the newest installed server.
func binaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", fmt.Errorf("pgtest: %w", err)
	}
	version := func(path string) int {
		v, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return v
	}
	sort.Slice(found, func(a, b int) bool { return version(found[a]) > version(found[b]) })
	if len(found) == 0 {
		path, err := exec.LookPath("postgres")
		if err != nil {
			return "", errors.New(missing)
		}
		found = []string{path}
	}
	bin := filepath.Dir(found[0])
	if _, err := os.Stat(filepath.Join(bin, "initdb")); err != nil {
		return "", errors.New(missing)
	}
	return bin, nil
}

// script runs initdb and the server, stops and starts it when a line on its
// input says so, and ends with that input, which the test process holds open:
// when that process is gone, so are server and files.
const script = `
dir=$1 bin=$2
"$bin/initdb" -D "$dir/data" -U postgres -A trust --no-sync -E UTF8 --locale=C --locale-provider=icu --icu-locale=en-US >"$dir/log" 2>&1 ||
{ rm -rf "$dir/data"; "$bin/initdb" -D "$dir/data" -U postgres -A trust --no-sync -E UTF8 --locale=C.UTF-8 >>"$dir/log" 2>&1; } || exit 1
start() {
	"$bin/postgres" -D "$dir/data" -k "$dir" -p 5432 -c listen_addresses= -c fsync=off -c full_page_writes=off \
		-c max_connections=200 -c timezone=Asia/Kolkata >>"$dir/log" 2>&1 </dev/null &
	server=$!
}
stop() {
	kill -QUIT $server
	kill -CONT $server
	wait $server
}
start
while read -r command; do
	$command
	echo "$command"
done
stop 2>>"$dir/log"
rm -rf "$dir"
`

// run starts the watcher and waits until the server answers.
func (c *Cluster) run(bin string) error {
	cred, err := credential()
	if err != nil {
		return err
	}
	if cred != nil {
		if err := os.Chown(c.dir, int(cred.Uid), int(cred.Gid)); err != nil {
			return err
		}
	}
	c.watcher = exec.CommandContext(context.Background(), "/bin/sh", "-c", script, "pgtest", c.dir, bin)
	c.watcher.Dir = "/"
	c.watcher.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	c.watcher.SysProcAttr = &syscall.SysProcAttr{Credential: cred, Setpgid: true} // an interrupt is for the test alone
	if c.watched, err = c.watcher.StdinPipe(); err != nil {
		return err
	}
	answers, err := c.watcher.StdoutPipe()
	if err != nil {
		return err
	}
	c.answers = bufio.NewReader(answers)
	if err := c.watcher.Start(); err != nil {
		return err
	}
	return c.await()
}

// credential returns whom to run as: Postgres refuses to run as root.
func credential() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil //nolint:nilnil // as ourselves
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, errors.New(missing)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err1, err2)
}

// await tries to connect until the server is up.
func (c *Cluster) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, c.url("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
		if gone, _ := syscall.Wait4(c.watcher.Process.Pid, nil, syscall.WNOHANG, nil); gone > 0 {
			return errors.New("the server did not start")
		}
	}
}

func readFile(path string) string {
	b, _ := os.ReadFile(path)
	return string(b)
}
