// Package child runs programs beside a benchmark: each in a process group of
// its own, its output in a file, and ended whole.
package child

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// patience is how long a process may take to end before it is killed.
const patience = 20 * time.Second

// A Process is a running program. Get one from [Start].
type Process struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // how; read after done
}

// Start runs a program, with dir as its working directory and its output in
// dir/NAME.log, where NAME is the base name of the program or what name says.
func Start(dir, name, program string, args ...string) (*Process, error) {
	if name == "" {
		name = filepath.Base(program)
	}
	p := &Process{name: name, log: filepath.Join(dir, name+".log"), done: make(chan struct{})}
	out, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer out.Close()                      // the program has its own
	p.cmd = exec.Command(program, args...) //nolint:noctx // ended by Stop, with the signal that the program wants
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = out, out
	ownGroup(p.cmd)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// PID returns the id of the process that was started, which is also that of
// its group.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err returns how the process ended, nil for exit status 0; call it when
// [Process.Done] is closed.
func (p *Process) Err() error {
	if p.err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w\n%s", p.name, p.err, p.Tail())
}

// CPU returns the processor time of an ended process and of those of its
// children that it has waited for.
func (p *Process) CPU() time.Duration {
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
}

// Signal sends a signal to the process that was started. It is no error when
// that has ended.
func (p *Process) Signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return nil
}

// Stop sends a signal, waits until the process has ended, and kills what is
// left of its group. The error says that it did not end by itself in time, or
// not with exit status 0.
func (p *Process) Stop(s os.Signal) error {
	if err := p.Signal(s); err != nil {
		return err
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.done:
		killGroup(p.PID())
		return p.Err()
	case <-timer.C:
		p.Kill()
		return fmt.Errorf("%s did not end within %s of %s\n%s", p.name, patience, s, p.Tail())
	}
}

// Kill ends the process and its group at once.
func (p *Process) Kill() {
	killGroup(p.PID())
	_ = p.cmd.Process.Kill() // where there are no groups
	<-p.done
}

// tailBytes is how much of the output explains a failure.
const tailBytes = 2000

// Tail returns the end of what the process has written.
func (p *Process) Tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-tailBytes):])
}
