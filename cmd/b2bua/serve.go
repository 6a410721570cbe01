package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"b2bua/cdr"
	"b2bua/internal/config"
)

type serveCommand struct{ configFile }

// Run serves until a signal. SIGTERM drains: no new calls, those that are up
// may end by themselves within drain_timeout. SIGINT, or a second signal, ends
// them with BYE. Either way their records are written.
func (c serveCommand) Run() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	log := cfg.Log.Logger(os.Stderr)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	return serve(cfg, log, signals)
}

func serve(cfg *config.Config, log *slog.Logger, signals <-chan os.Signal) error {
	s, err := startServer(context.Background(), cfg, log)
	if err != nil {
		return err
	}
	for _, l := range s.stack.Listeners() {
		log.Info("listening", "url", l.Transport+"://"+l.Addr.String(), "network", l.Network, "advertise", l.Advertise)
	}
	log.Info("serving", "version", buildVersion(), "http", "http://"+s.http.Addr().String(), "token_file", cfg.HTTP.TokenFile)
	sig := <-signals
	log.Info("stopping", "signal", sig.String(), "calls", s.bridge.Live())
	s.drain()
	if sig == syscall.SIGTERM {
		s.wait(cfg.DrainTimeout, signals)
	}
	return s.shutdown()
}

// drain refuses new calls from now on.
func (s *server) drain() {
	close(s.draining)
	s.stack.Drain()
}

// pollEvery is how often a server that is stopping looks whether it may.
const pollEvery = 50 * time.Millisecond

// wait returns when no call is left, the time is up, or somebody is impatient.
func (s *server) wait(timeout time.Duration, signals <-chan os.Signal) {
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for s.bridge.Live() > 0 {
		select {
		case <-tick.C:
		case <-deadline.C:
			return
		case <-signals:
			return
		}
	}
}

// shutdown ends what calls are left, waits for their BYEs to be answered, and
// stops every room.
func (s *server) shutdown() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := s.bridge.EndAll(ctx, cdr.EndShutdown)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		if f, ferr := s.stack.Figures(ctx); ferr != nil || f.Legs == 0 {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return errors.Join(err, s.stop())
}
