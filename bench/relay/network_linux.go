package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// prefix begins the names of our namespaces; the process id follows, so that
// two runs do not meet.
const prefix = "b2bua-bench-"

// namespaces is where iproute2 keeps them.
const namespaces = "/run/netns"

// A network is the three namespaces of one run.
type network struct{ caller, relay, called string }

// newNetwork makes the namespaces and the wires between them. What has to be
// received in the relay's namespace is received on receiveCPU, whoever sends it:
// that stands for the interrupts of a network card.
func newNetwork(ctx context.Context, receiveCPU int) (*network, error) {
	removeLeftovers(ctx)
	name := prefix + strconv.Itoa(os.Getpid()) + "-"
	n := &network{caller: name + "caller", relay: name + "relay", called: name + "called"}
	if err := n.build(ctx, receiveCPU); err != nil {
		n.remove()
		return nil, fmt.Errorf("network namespaces: %w", err)
	}
	return n, nil
}

func (n *network) build(ctx context.Context, receiveCPU int) error {
	commands := make([]string, 0, 32)
	for _, name := range []string{n.caller, n.relay, n.called} {
		commands = append(commands, "netns add "+name, "-n "+name+" link set lo up")
	}
	for i, side := range []struct{ name, far, near string }{
		{n.caller, callerAddress.String(), relayToCaller.String()},
		{n.called, calledAddress.String(), relayToCalled.String()},
	} {
		wire := fmt.Sprintf("wire%d", i)
		farMAC, nearMAC := fmt.Sprintf("02:00:00:00:%02x:02", i), fmt.Sprintf("02:00:00:00:%02x:01", i)
		commands = append(commands,
			fmt.Sprintf("link add media netns %s address %s type veth peer name %s netns %s address %s", side.name, farMAC, wire, n.relay, nearMAC),
			fmt.Sprintf("-n %s addr add %s/24 dev media", side.name, side.far),
			fmt.Sprintf("-n %s addr add %s/24 dev %s", n.relay, side.near, wire),
			fmt.Sprintf("-n %s link set media up", side.name),
			fmt.Sprintf("-n %s link set %s up", n.relay, wire),
			fmt.Sprintf("-n %s route add default via %s", side.name, side.near),
			// no address resolution during a run
			fmt.Sprintf("-n %s neigh replace %s lladdr %s dev media nud permanent", side.name, side.near, nearMAC),
			fmt.Sprintf("-n %s neigh replace %s lladdr %s dev %s nud permanent", n.relay, side.far, farMAC, wire))
	}
	for _, c := range commands {
		if err := ip(ctx, strings.Fields(c)...); err != nil {
			return err
		}
	}
	script := "set -e; echo 1 >/proc/sys/net/ipv4/ip_forward; echo 60000 65535 >/proc/sys/net/ipv4/ip_local_port_range; " +
		"for i in 0 1; do echo " + strconv.FormatUint(1<<receiveCPU, 16) + " >/sys/class/net/wire$i/queues/rx-0/rps_cpus; done"
	return ip(ctx, "netns", "exec", n.relay, "sh", "-c", script)
}

// remove deletes the namespaces; the wires go with them.
func (n *network) remove() {
	for _, name := range []string{n.caller, n.relay, n.called} {
		_ = ip(context.Background(), "netns", "del", name) // it may never have been made
	}
}

// removeLeftovers deletes the namespaces of runs that were killed.
func removeLeftovers(ctx context.Context) {
	paths, _ := filepath.Glob(filepath.Join(namespaces, prefix+"*"))
	for _, path := range paths {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), prefix), "-")
		if _, err := os.Readlink("/proc/" + pid + "/exe"); errors.Is(err, os.ErrNotExist) { // a zombie has none either
			_ = ip(ctx, "netns", "del", filepath.Base(path)) // somebody else may have done it
		}
	}
}

func ip(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// within calls f on a thread that is in the namespace and dies after it.
func within(name string, f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := enter(name); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	return <-done
}

// enter moves the calling thread, which must be locked, into a namespace.
func enter(name string) error {
	f, err := os.Open(filepath.Join(namespaces, name))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter namespace %s: %w", name, err)
	}
	return nil
}
