package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	Break string        `name:"break" default:"" enum:",mute,one-way,swapped" help:"Break the audio (mute, one-way, swapped), to see it noticed."`
}

// Run starts a server on free ports with a throw-away database, and lets two
// telephones talk through it. It fails when a tone does not come through.
func (c demoCommand) Run(out io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	signal.Ignore(syscall.SIGPIPE) // who reads no further (| head) must not keep us from tidying up
	return c.run(ctx, out, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
}

func (c demoCommand) run(ctx context.Context, out io.Writer, log *slog.Logger) error {
	dir, err := os.MkdirTemp("", "b2bua-demo-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := startServer(ctx, demoConfig(dir), log)
	if err != nil {
		return err
	}
	err = c.show(ctx, out, s)
	if errors.Is(err, demo.ErrBad) {
		_, _ = fmt.Fprintln(out, "\nThe call went through, but "+demo.ErrBad.Error()+".")
		return errFailed
	}
	return err
}

// show tells the story and stops the server. The telephones are switched off
// last: they still answer when the server ends their calls.
func (c demoCommand) show(ctx context.Context, out io.Writer, s *server) error {
	d, err := demo.New(ctx, demo.Options{
		Server: s.stack.Listeners()[0].Addr, API: "http://" + s.http.Addr().String(), Token: s.token,
		Talk: c.Talk, Fault: demo.Fault(c.Break), Out: out,
	})
	if err != nil {
		return errors.Join(err, s.shutdown())
	}
	defer d.Close()
	err = d.Run(ctx)
	if err == nil && c.Stay {
		if _, err = fmt.Fprintf(out, guide, s.stack.Listeners()[0].Addr, "http://"+s.http.Addr().String(), s.token); err == nil {
			<-ctx.Done()
		}
	}
	return errors.Join(err, s.shutdown())
}

// guide is what there is to try: SIP address, base URL, token.
const guide = `
The server and Bob's telephone stay up. Ctrl-C ends them.

  SIP    sip:33123456789@%[1]s   call it from any telephone on this machine: Bob answers
  REST   %[2]s/openapi.json
  token  %[3]s

  T=%[3]s
  curl -H "Authorization: Bearer $T" %[2]s/v1/calls
  curl -H "Authorization: Bearer $T" %[2]s/v1/cdrs
  curl -H "Authorization: Bearer $T" %[2]s/v1/policy
  curl -H "Authorization: Bearer $T" -H "Content-Type: application/json" %[2]s/v1/policy/explain \
    -d '{"source": "127.0.0.1:5061", "transport": "udp", "caller": "1000", "called": "33123456789"}'
`

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
