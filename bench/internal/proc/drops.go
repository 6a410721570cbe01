package proc

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// UDPDrops returns how many datagrams the kernel has dropped at the UDP sockets
// that pid and its descendants have open, because nobody read them in time.
// What a socket dropped that is closed by now is missing; [UDPOverflows] has it.
func UDPDrops(pid int) (int64, error) {
	pids, err := Tree(pid)
	if err != nil {
		return 0, err
	}
	inodes := make(map[string]bool)
	for _, p := range pids {
		dir := filepath.Join(root, strconv.Itoa(p), "fd")
		open, err := os.ReadDir(dir)
		if err != nil {
			return 0, err
		}
		for _, fd := range open {
			target, err := os.Readlink(filepath.Join(dir, fd.Name()))
			if err != nil {
				continue // closed meanwhile
			}
			if inode, ok := strings.CutPrefix(target, "socket:["); ok {
				inodes[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	sum := int64(0)
	for _, file := range []string{"udp", "udp6"} {
		// The network namespace is that of pid, which may not be ours.
		text, err := os.ReadFile(filepath.Join(root, strconv.Itoa(pid), "net", file))
		if os.IsNotExist(err) && file == "udp6" {
			continue // no IPv6
		}
		if err != nil {
			return 0, err
		}
		n, err := parseDrops(string(text), inodes)
		if err != nil {
			return 0, fmt.Errorf("/proc/%d/net/%s: %w", pid, file, err)
		}
		sum += n
	}
	return sum, nil
}

// parseDrops sums the last column of /proc/net/udp over the sockets with these
// inodes.
func parseDrops(text string, inodes map[string]bool) (int64, error) {
	lines := bufio.NewScanner(strings.NewReader(text))
	sum := int64(0)
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if n == 1 || len(fields) == 0 {
			continue
		}
		if len(fields) < 13 {
			return 0, fmt.Errorf("line %d has %d columns, want 13", n, len(fields))
		}
		if !inodes[fields[9]] {
			continue
		}
		drops, err := strconv.ParseInt(fields[12], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("line %d: %w", n, err)
		}
		sum += drops
	}
	return sum, lines.Err()
}

// UDPOverflows returns how many datagrams have been dropped because a socket's
// receive buffer was full, at all sockets of pid's network namespace, whether
// still open or not.
func UDPOverflows(pid int) (int64, error) {
	sum := int64(0)
	text, err := os.ReadFile(filepath.Join(root, strconv.Itoa(pid), "net", "snmp"))
	if err != nil {
		return 0, err
	}
	n, err := parseSNMP(string(text), "Udp", "RcvbufErrors")
	if err != nil {
		return 0, err
	}
	sum += n
	text, err = os.ReadFile(filepath.Join(root, strconv.Itoa(pid), "net", "snmp6"))
	if os.IsNotExist(err) {
		return sum, nil // no IPv6
	}
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == "Udp6RcvbufErrors" {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			return sum + n, err
		}
	}
	return sum, nil
}

// parseSNMP reads one counter of /proc/net/snmp: a line of names, then a line
// of values, both beginning with the protocol.
func parseSNMP(text, protocol, counter string) (int64, error) {
	var names []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != protocol+":" {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		for i, name := range names {
			if name == counter && i < len(fields) {
				return strconv.ParseInt(fields[i], 10, 64)
			}
		}
	}
	return 0, fmt.Errorf("/proc/net/snmp has no %s %s", protocol, counter)
}
