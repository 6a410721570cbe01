package main

import (
	"context"
	"errors"
	"fmt"
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
// may end by themselves within drain_timeout. SIGINT, SIGHUP (the terminal is
// gone), or a second signal, ends them with BYE. Either way their records are
// written.
func (c serveCommand) Run() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		signal.Notify(signals, syscall.SIGHUP)
	}
	defer signal.Stop(signals)
	return serve(cfg, cfg.Log.Logger(os.Stderr), signals)
}

// serve runs a server until a signal comes, and returns when everything has
// stopped.
func serve(cfg *config.Config, log *slog.Logger, signals <-chan os.Signal) error {
	s, err := start(cfg, log, signals)
	if err != nil {
		return err
	}
	log.Info("serving", "version", buildVersion(), "http", "http://"+s.http.Addr().String(), "token_file", cfg.HTTP.TokenFile)
	sig := <-signals
	log.Info("stopping", "signal", sig.String(), "calls", s.bridge.Live())
	s.drain()
	if sig == syscall.SIGTERM {
		s.wait(cfg.DrainTimeout, signals)
	}
	if err := s.shutdown(); err != nil {
		return err
	}
	log.Info("stopped")
	return nil
}

// start is startServer that a signal interrupts.
func start(cfg *config.Config, log *slog.Logger, signals <-chan os.Signal) (*server, error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	var s *server
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		s, err = startServer(ctx, cfg, log)
	}()
	select {
	case <-done:
		return s, err
	case sig := <-signals:
		cancel(fmt.Errorf("%s while starting", sig))
	}
	<-done
	if err == nil {
		err = s.shutdown()
	}
	return nil, errors.Join(context.Cause(ctx), err)
}

// drain refuses new calls from now on. It may be called again.
func (s *server) drain() {
	s.draining.Store(true)
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
			s.log.Warn("drain_timeout is over; the calls that are left are ended", "calls", s.bridge.Live())
			return
		case sig := <-signals:
			s.log.Info("a second signal; the calls that are left are ended", "signal", sig.String(), "calls", s.bridge.Live())
			return
		}
	}
}

// shutdown refuses new calls, ends what calls are left, waits for their BYEs to
// be answered, and stops every room. What does not end in time is left behind,
// and is the error.
func (s *server) shutdown() error {
	s.drain()
	ctx, cancel := context.WithTimeout(context.Background(), s.endTime)
	defer cancel()
	err := s.bridge.EndAll(ctx, cdr.EndShutdown)
	if err != nil {
		err = fmt.Errorf("ending the calls: %w", err)
	}
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
