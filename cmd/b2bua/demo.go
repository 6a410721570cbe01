package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"b2bua/internal/config"
	"b2bua/internal/demo"
)

type demoCommand struct {
	Stay  bool          `help:"Leave the server and Bob's telephone up, and print what to try."`
	Talk  time.Duration `default:"3s" help:"How long they talk."`
	Break string        `name:"break" default:"" enum:",mute,one-way,swapped" help:"Break the audio on purpose (mute, one-way, swapped), to see the demo notice."`
}

// Run starts a server on free ports with a throw-away database, and lets two
// telephones talk through it. It fails when a tone does not come through.
func (c demoCommand) Run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "b2bua-demo-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := startServer(ctx, demoConfig(dir), slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	err = c.show(ctx, s)
	s.drain()
	err = errors.Join(err, s.shutdown())
	if errors.Is(err, demo.ErrBad) {
		fmt.Println("\nThe call went through, but " + demo.ErrBad.Error() + ".")
		return errFailed
	}
	return err
}

func (c demoCommand) show(ctx context.Context, s *server) error {
	d, err := demo.New(ctx, demo.Options{
		Server: s.stack.Listeners()[0].Addr, API: "http://" + s.http.Addr().String(), Token: s.token,
		Talk: c.Talk, Fault: demo.Fault(c.Break), Out: os.Stdout,
	})
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Run(ctx); err != nil {
		return err
	}
	if c.Stay {
		c.stay(ctx, s)
	}
	return nil
}

// stay prints what there is to try and waits to be interrupted.
func (c demoCommand) stay(ctx context.Context, s *server) {
	base := "http://" + s.http.Addr().String()
	fmt.Printf(`
The server stays up. Ctrl-C ends it.

  SIP    sip:33123456789@%[1]s   call it from any telephone on this machine: Bob answers
  REST   %[2]s/openapi.json
  token  %[3]s

  export T=%[3]s
  curl -H "Authorization: Bearer $T" %[2]s/v1/calls
  curl -H "Authorization: Bearer $T" %[2]s/v1/cdrs
  curl -H "Authorization: Bearer $T" -H "Content-Type: application/json" %[2]s/v1/policy/explain \
    -d '{"source": "127.0.0.1:5061", "transport": "udp", "caller": "1000", "called": "33123456789"}'
`, s.stack.Listeners()[0].Addr, base, s.token)
	<-ctx.Done()
}

// demoConfig keeps everything in dir, on loopback and on free ports.
func demoConfig(dir string) *config.Config {
	cfg := config.Default()
	cfg.SIP.Listen = []string{"udp://127.0.0.1:0"}
	cfg.Media.Addresses = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	cfg.Media.MaxSessions = 100
	cfg.HTTP.Listen = "127.0.0.1:0"
	cfg.HTTP.TokenFile = filepath.Join(dir, "admin.token")
	cfg.Database.URL = "sqlite://" + filepath.Join(dir, "demo.db")
	cfg.CDR.Journal = filepath.Join(dir, "journal")
	return cfg
}
