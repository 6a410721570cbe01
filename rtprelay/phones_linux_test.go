package rtprelay

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// phonesEnv, when set, makes the test binary the phones of BenchmarkLoad: its
// value is how many seconds they talk.
const phonesEnv = "RTPRELAY_PHONES"

// phonesWarmUp is how long they talk before the measurement.
const phonesWarmUp = time.Second

// phonesReport is what the phones say at the end.
type phonesReport struct {
	sent, received int
	p50, p99       int64 // ns from sending a packet to its arrival at the other phone's socket
}

// handset is one phone: a connected socket and its next packet.
type handset struct {
	fd     int
	packet [172]byte
}

// phones reads pairs of addresses, its own and the relay's, from standard
// input and talks from each, evenly spread over 20 ms, on processor 0. It
// prints a line when the measurement begins and one at its end.
func phones(seconds string) error {
	runtime.LockOSThread()
	var zero unix.CPUSet
	zero.Set(0)
	if err := unix.SchedSetaffinity(0, &zero); err != nil {
		return err
	}
	duration, err := strconv.Atoi(seconds)
	if err != nil {
		return err
	}
	var all []*handset
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		own, relay, _ := strings.Cut(lines.Text(), " ")
		h, err := newHandset(netip.MustParseAddrPort(own), netip.MustParseAddrPort(relay))
		if err != nil {
			return err
		}
		binary.BigEndian.PutUint32(h.packet[8:], uint32(len(all)))
		all = append(all, h)
	}
	t := talk{all: all, delays: make([]int64, 0, 50*len(all)*duration+1000)}
	t.run(phonesWarmUp)
	t.settle()
	t.sent, t.received, t.delays = 0, 0, t.delays[:0]
	fmt.Println("talking")
	t.run(time.Duration(duration) * time.Second)
	t.settle()
	slices.Sort(t.delays)
	n := len(t.delays)
	fmt.Println(t.sent, t.received, t.delays[n/2], t.delays[n*99/100])
	return nil
}

// newHandset opens a phone's socket, which has arrivals time-stamped.
func newHandset(own, relay netip.AddrPort) (*handset, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return nil, err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: int(own.Port()), Addr: own.Addr().As4()}); err != nil {
		return nil, err
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(relay.Port()), Addr: relay.Addr().As4()}); err != nil {
		return nil, err
	}
	h := &handset{fd: fd}
	h.packet[0], h.packet[1] = 0x80, 8
	return h, nil
}

// talk is what all phones do.
type talk struct {
	all            []*handset
	next           int
	sent, received int
	delays         []int64
	buffer         [256]byte
	stamp          [64]byte
}

// run keeps the pace for d. It spins: sleeping would come late.
func (t *talk) run(d time.Duration) {
	const flush = 50 * time.Microsecond // as a network card gathers interrupts
	gap := 20 * time.Millisecond / time.Duration(len(t.all))
	start, n := time.Now(), 0
	for at := time.Duration(0); at < d; at = time.Since(start) {
		at -= at % flush
		for ; time.Duration(n)*gap < at; n++ {
			h := t.all[t.next]
			t.next = (t.next + 1) % len(t.all)
			t.take(h)
			t.send(h)
		}
	}
}

// settle takes what is on its way, when all are silent.
func (t *talk) settle() {
	for start := time.Now(); time.Since(start) < 50*time.Millisecond; {
		for _, h := range t.all {
			t.take(h)
		}
	}
}

// send sends a phone's next packet with the time in it.
func (t *talk) send(h *handset) {
	p := h.packet[:]
	binary.BigEndian.PutUint16(p[2:], binary.BigEndian.Uint16(p[2:])+1)
	binary.BigEndian.PutUint32(p[4:], binary.BigEndian.Uint32(p[4:])+160)
	binary.BigEndian.PutUint64(p[12:], uint64(time.Now().UnixNano()))
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(h.fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), 0, 0, 0)
	if errno == 0 {
		t.sent++
	}
}

// take receives what has come for a phone.
func (t *talk) take(h *handset) {
	iov := unix.Iovec{Base: &t.buffer[0], Len: uint64(len(t.buffer))}
	for {
		m := unix.Msghdr{Iov: &iov, Iovlen: 1, Control: &t.stamp[0], Controllen: uint64(len(t.stamp))}
		_, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(h.fd), uintptr(unsafe.Pointer(&m)), unix.MSG_DONTWAIT)
		if errno != 0 {
			return
		}
		t.received++
		at := (*unix.Timespec)(unsafe.Pointer(&t.stamp[unix.SizeofCmsghdr]))
		t.delays = append(t.delays, at.Nano()-int64(binary.BigEndian.Uint64(t.buffer[12:])))
	}
}
