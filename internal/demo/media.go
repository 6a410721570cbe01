package demo

import (
	"context"
	"math"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/rtp"
)

const (
	ptime   = 20 * time.Millisecond
	samples = int(sampleRate * ptime / time.Second)

	recorded = 60 * sampleRate // samples of a call that are kept
)

// An audio is one telephone's RTP: it sends a tone and records what it hears.
type audio struct {
	conn *net.UDPConn
	tone tone
	wg   sync.WaitGroup
	stop context.CancelFunc

	mu      sync.Mutex
	heard   []int16 // the first minute
	packets int
	last    uint16  // highest sequence number
	span    int     // from the first sequence number to the highest
	jitter  float64 // RFC 3550 §6.4.1, in samples
	transit float64
}

// newAudio opens an RTP socket. hz is what it says; 0 is silence, below 0
// nothing is sent at all.
func newAudio(ip netip.Addr, hz float64) (*audio, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
	if err != nil {
		return nil, err
	}
	return &audio{conn: conn, tone: tone{hz: hz}}, nil
}

func (a *audio) addr() netip.AddrPort { return a.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// start listens at once and talks to the far side until stopped. It is called
// once, before close and in the same goroutine.
func (a *audio) start(to netip.AddrPort) {
	ctx, cancel := context.WithCancel(context.Background())
	a.stop = cancel
	a.wg.Add(1)
	go a.listen()
	if a.tone.hz >= 0 {
		a.wg.Add(1)
		go a.talk(ctx, to)
	}
}

func (a *audio) talk(ctx context.Context, to netip.AddrPort) {
	defer a.wg.Done()
	tick := time.NewTicker(ptime)
	defer tick.Stop()
	pkt := rtp.Packet{Header: rtp.Header{Version: 2, SSRC: uint32(a.addr().Port()) + 1, Marker: true}}
	for {
		pkt.Payload = a.tone.frame()
		if raw, err := pkt.Marshal(); err == nil {
			_, _ = a.conn.WriteToUDPAddrPort(raw, to) // a lost packet is what a telephone has to live with
		}
		pkt.Marker = false
		pkt.SequenceNumber++
		pkt.Timestamp += uint32(samples)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (a *audio) listen() {
	defer a.wg.Done()
	buf := make([]byte, 2048)
	for {
		n, _, err := a.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return // closed
		}
		var pkt rtp.Packet
		if pkt.Unmarshal(buf[:n]) != nil || pkt.PayloadType != 0 {
			continue
		}
		a.hear(&pkt, time.Now())
	}
}

func (a *audio) hear(pkt *rtp.Packet, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	transit := float64(now.UnixMicro())*sampleRate/1e6 - float64(pkt.Timestamp)
	if a.packets == 0 {
		a.last = pkt.SequenceNumber
	} else {
		a.jitter += (math.Abs(transit-a.transit) - a.jitter) / 16
	}
	if step := int16(pkt.SequenceNumber - a.last); step > 0 { // not a late one
		a.span, a.last = a.span+int(step), pkt.SequenceNumber
	}
	a.packets, a.transit = a.packets+1, transit
	for _, b := range pkt.Payload {
		if len(a.heard) < recorded {
			a.heard = append(a.heard, decodeMuLaw(b))
		}
	}
}

// stopTalking ends what is sent; what comes is still heard.
func (a *audio) stopTalking() {
	if a.stop != nil {
		a.stop()
	}
}

// close ends talking and listening. It may be called more than once.
func (a *audio) close() {
	a.stopTalking()
	_ = a.conn.Close()
	a.wg.Wait()
}

// quality measures what was heard against the tone that should have been, and
// the one that should not.
func (a *audio) quality(wanted, other float64) Quality {
	a.mu.Lock()
	defer a.mu.Unlock()
	q := Quality{Packets: a.packets, Jitter: time.Duration(a.jitter / sampleRate * float64(time.Second))}
	if a.packets > 0 {
		q.Lost = max(0, a.span+1-a.packets)
	}
	heard := a.heard
	if len(heard) > sampleRate/2 { // a call's first moments may be cut
		heard = heard[sampleRate/4:]
	}
	q.Wanted, q.Other = power(heard, wanted), power(heard, other)
	return q
}
