package main

import (
	"context"
	"os"
	"time"
)

// Rates at which processor time is measured. It falls with the rate, as there
// are fewer wake-ups for each call: compare at equal rates only.
const (
	lowRate  = 200
	highRate = 1000
)

// tryCalls lets a few calls through each server. What they cost, and how fast
// they are, is no figure; a call that fails is a fault.
func (b *bench) tryCalls(ctx context.Context) error {
	servers, stop, err := b.start(ctx, relayServer, bypassServer, kamailioServer)
	if err != nil {
		return err
	}
	defer stop() //nolint:errcheck // what was seen stands
	for _, s := range servers {
		m, err := b.load(ctx, checking, s, load{rate: 50, calls: 100}, 1)
		if err != nil {
			return err
		}
		if err := b.record(m); err != nil {
			return err
		}
	}
	return nil
}

// cpu measures processor time per call; the servers take turns.
func (b *bench) cpu(ctx context.Context) error {
	servers, stop, err := b.start(ctx, relayServer, bypassServer, kamailioServer)
	if err != nil {
		return err
	}
	defer stop() //nolint:errcheck // the measurements stand
	if err := b.warm(ctx, servers...); err != nil {
		return err
	}
	seconds := 7
	if b.quick {
		seconds = 4
	}
	for round := 1; round <= b.rounds; round++ {
		for _, rate := range []int{lowRate, highRate} {
			for _, s := range servers {
				m, err := b.load(ctx, "cpu", s, load{rate: rate, calls: rate * seconds}, round)
				if err != nil {
					return err
				}
				if err := b.record(m); err != nil {
					return err
				}
			}
		}
	}
	if b.profile == "" {
		return nil
	}
	for i, file := range []string{b.profile, b.profile + ".bypass"} {
		if err := b.takeProfile(ctx, servers[i], file); err != nil {
			return err
		}
	}
	return nil
}

// takeProfile writes a CPU profile of a server at the high rate.
func (b *bench) takeProfile(ctx context.Context, s *server, file string) error {
	const seconds = 10
	type result struct {
		profile []byte
		err     error
	}
	taken := make(chan result, 1)
	profileCtx, cancel := context.WithTimeout(ctx, 2*seconds*time.Second)
	defer cancel()
	go func() {
		profile, err := s.profile(profileCtx, seconds)
		taken <- result{profile, err}
	}()
	_, err := b.sipp(ctx, s, load{rate: highRate, calls: (seconds + 1) * highRate})
	if err != nil {
		return err
	}
	r := <-taken
	if r.err != nil {
		return r.err
	}
	return os.WriteFile(file, r.profile, 0o600)
}

// stress asks for more than SIPp leaves room for on a small machine, for long.
func (b *bench) stress(ctx context.Context) error {
	servers, stop, err := b.start(ctx, bypassServer)
	if err != nil {
		return err
	}
	defer stop() //nolint:errcheck // the measurements stand
	if err := b.warm(ctx, servers...); err != nil {
		return err
	}
	seconds := 40
	if b.quick {
		seconds = 10
	}
	m, err := b.load(ctx, "stress", servers[0], load{rate: stressRate, calls: seconds * stressRate}, 1)
	if err != nil {
		return err
	}
	return b.record(m)
}

// stressRate is in calls a second.
const stressRate = 2000
