package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// A place is where a process runs.
type place struct {
	namespace string // empty = ours
	cpu       int    // the only one it may use
	realTime  bool   // its threads run whenever they want to
}

// priority of what is measured and of what measures: other work on the machine
// has to wait.
const priority = -20

// A process is a child that has been started.
type process struct {
	cmd    *exec.Cmd
	ended  chan struct{} // closed when it has
	err    error         // why; read after ended
	stdin  io.WriteCloser
	stdout io.ReadCloser

	answers *json.Decoder // of stdout
}

// start starts cmd in its place. It is killed when this process dies.
func (p place) start(cmd *exec.Cmd) (*process, error) {
	child := &process{cmd: cmd, ended: make(chan struct{})}
	var err error
	if child.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if child.stdout, err = cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	child.answers = json.NewDecoder(child.stdout)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setsid: true}
	started := make(chan error)
	go func() {
		// The child has its thread's namespace, processor and priority. The
		// thread is this goroutine's until the child has ended, or Pdeathsig
		// would strike too early; then it ends too.
		runtime.LockOSThread()
		err := p.take()
		if err == nil {
			err = cmd.Start()
		}
		started <- err
		if err == nil {
			_, child.err = cmd.Process.Wait() // leaves the pipes to their readers
			close(child.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	if err := prefer(cmd.Process.Pid); err != nil {
		return nil, errors.Join(err, child.stop())
	}
	return child, nil
}

// take puts the calling thread, which must be locked, into the place.
func (p place) take() error {
	if p.namespace != "" {
		if err := enter(p.namespace); err != nil {
			return err
		}
	}
	var set unix.CPUSet
	set.Set(p.cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("use processor %d: %w", p.cpu, err)
	}
	if p.realTime {
		a := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 10}
		if err := unix.SchedSetAttr(0, &a, 0); err != nil {
			return fmt.Errorf("real-time scheduling: %w", err)
		}
		return nil
	}
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, priority); err != nil {
		return fmt.Errorf("set priority %d: %w", priority, err)
	}
	return nil
}

// prefer gives the process's session, which has no other, the priority among
// sessions: where the kernel groups processes by session (sched(7), autogroup),
// priority counts only within one.
func prefer(pid int) error {
	err := os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", pid), []byte(strconv.Itoa(priority)), 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil // it does not group them
	}
	return err
}

// tell sends a line of JSON.
func (c *process) tell(question any) error { return json.NewEncoder(c.stdin).Encode(question) }

// hear reads the next line of JSON into answer.
func (c *process) hear(answer any) error { return c.answers.Decode(answer) }

// stop kills the process and waits until it has gone.
func (c *process) stop() error {
	c.stdin.Close()
	defer c.stdout.Close()
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-c.ended
	return nil
}
