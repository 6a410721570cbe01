package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// An rtpengine is Debian's package, without its kernel module, with calls set
// up over its ng protocol.
type rtpengine struct {
	process *process
	control net.Conn
	buffer  []byte
	cookie  int
	calls   []call
}

// controlPort is where rtpengine listens, in its own namespace.
const controlPort = "2223"

// How long it may take to begin, and to answer.
const (
	ngStart = 10 * time.Second
	ngWait  = 2 * time.Second
)

// startRTPEngine starts it with as many threads as our relay has workers, and
// none of its checks switched on that it leaves off by default.
func startRTPEngine(ctx context.Context, at place, workers int) (*rtpengine, error) {
	cmd := exec.CommandContext(ctx, "rtpengine", "--config-file=none", "--foreground", "--log-stderr", "--log-level=2",
		"--interface="+callerNetwork+"/"+relayToCaller.String(), "--interface="+calledNetwork+"/"+relayToCalled.String(),
		"--listen-ng=127.0.0.1:"+controlPort, "--port-min="+strconv.Itoa(portMin), "--port-max="+strconv.Itoa(portMax),
		"--table=-1", "--timeout=3600", "--num-threads="+strconv.Itoa(workers))
	cmd.Stderr = os.Stderr
	p, err := at.start(cmd)
	if err != nil {
		return nil, err
	}
	r := &rtpengine{process: p, buffer: make([]byte, 1<<16)}
	err = within(at.namespace, func() (err error) {
		r.control, err = (&net.Dialer{}).DialContext(ctx, "udp4", "127.0.0.1:"+controlPort)
		return err
	})
	if err == nil {
		err = r.ready(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("rtpengine: %w", errors.Join(err, r.stop()))
	}
	return r, nil
}

// ready waits until it answers.
func (r *rtpengine) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, ngStart)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		answer, err := r.exchange(map[string]any{"command": "ping"}, 100*time.Millisecond)
		if err == nil && answer["result"] == "pong" {
			return nil
		}
		select {
		case <-r.process.ended:
			return fmt.Errorf("it ended: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("no answer to ping: %w", err)
		case <-again.C:
		}
	}
}

func (r *rtpengine) open(n int) ([]call, error) {
	for len(r.calls) < n {
		c, err := r.setUp("call-" + strconv.Itoa(len(r.calls)))
		if err != nil {
			return nil, fmt.Errorf("rtpengine: call %d: %w", len(r.calls), err)
		}
		r.calls = append(r.calls, c)
	}
	return r.calls[:n], nil
}

// setUp makes an offer and an answer. What rtpengine writes into the SDP for
// one side is where that side sends.
func (r *rtpengine) setUp(id string) (call, error) {
	called, err := r.described(map[string]any{
		"command": "offer", "call-id": id, "from-tag": "caller", "sdp": describe(callerAddress),
		"direction": []string{callerNetwork, calledNetwork}, "flags": []string{"trust-address"},
		"ICE": "remove", "rtcp-mux": []string{"demux"},
	})
	if err != nil {
		return call{}, fmt.Errorf("offer: %w", err)
	}
	caller, err := r.described(map[string]any{
		"command": "answer", "call-id": id, "from-tag": "caller", "to-tag": "called", "sdp": describe(calledAddress),
		"flags": []string{"trust-address"},
	})
	if err != nil {
		return call{}, fmt.Errorf("answer: %w", err)
	}
	return call{
		Caller: netip.AddrPortFrom(relayToCaller, caller),
		Called: netip.AddrPortFrom(relayToCalled, called),
	}, nil
}

// described sends a command and returns the port in the SDP of its answer.
func (r *rtpengine) described(command map[string]any) (uint16, error) {
	answer, err := r.exchange(command, ngWait)
	if err != nil {
		return 0, err
	}
	if answer["result"] != "ok" {
		return 0, fmt.Errorf("result %v: %v", answer["result"], answer["error-reason"])
	}
	text, _ := answer["sdp"].(string)
	return mediaPortOf(text)
}

// exchange sends one command and waits for the answer to it.
func (r *rtpengine) exchange(command map[string]any, wait time.Duration) (map[string]any, error) {
	r.cookie++
	cookie := strconv.Itoa(r.cookie)
	if err := r.control.SetDeadline(time.Now().Add(wait)); err != nil {
		return nil, err
	}
	if _, err := r.control.Write([]byte(cookie + " " + encode(command))); err != nil {
		return nil, err
	}
	for {
		n, err := r.control.Read(r.buffer)
		if err != nil {
			return nil, err
		}
		if text, ok := answerTo(cookie, string(r.buffer[:n])); ok {
			return decode(text)
		}
	}
}

func (r *rtpengine) pid() int { return r.process.cmd.Process.Pid }

func (r *rtpengine) stop() error {
	if r.control != nil {
		r.control.Close()
	}
	return r.process.stop()
}
