package child

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What a program writes is in its file, and its exit status is its error.
func TestEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p, err := Start(dir, "good", "sh", "-c", "echo hello; pwd")
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if p.Err() != nil || !strings.HasPrefix(p.Tail(), "hello\n") || !strings.Contains(p.Tail(), filepath.Base(dir)) {
		t.Errorf("it ended with %v and wrote %q", p.Err(), p.Tail())
	}
	p, err = Start(dir, "", "sh", "-c", "echo no >&2; exit 3")
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "no\n") {
		t.Errorf("it ended with %v", err)
	}
	if _, err := Start(dir, "", "/no/such/program"); err == nil {
		t.Error("a program that is not there was started")
	}
}

// The children of a process end with it.
func TestStopEndsTheGroup(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(t.TempDir(), "never")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	// The grandchild holds the end of the pipe that its parent has been given
	// as descriptor 9, and waits for a writer that never comes.
	p, err := Start(t.TempDir(), "", "sh", "-c", "exec 9>/proc/"+strconv.Itoa(os.Getpid())+"/fd/"+strconv.Itoa(int(w.Fd()))+
		"; trap 'exit 0' INT; echo up >&9; cat "+fifo+" & wait")
	if err != nil {
		t.Fatal(err)
	}
	up := make([]byte, 3)
	if _, err := r.Read(up); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if err := p.Stop(syscall.SIGINT); err != nil {
		t.Errorf("stop: %v", err)
	}
	if n, err := r.Read(up); err == nil {
		t.Errorf("the grandchild wrote %d", n) // io.EOF when every writer is gone
	}
}
