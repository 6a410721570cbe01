package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Deadlines of the HTTP server. An export moves its own write deadline on.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// A Server serves an [http.Handler] on one address.
type Server struct {
	addr   string
	http   *http.Server
	logger *slog.Logger

	listener net.Listener // nil until Start
	served   chan struct{}
	requests sync.WaitGroup
	stop     sync.Once
}

// NewServer returns a server for addr (host:port; port 0 takes a free one)
// that listens to nothing yet. A nil logger discards.
func NewServer(addr string, handler http.Handler, logger *slog.Logger) *Server {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{addr: addr, logger: logger, served: make(chan struct{})}
	s.http = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.requests.Add(1)
			defer s.requests.Done()
			handler.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	return s
}

// Start listens and returns; requests are served until [Server.Stop]. Its
// error names the address that cannot be had. Call it once.
func (s *Server) Start(ctx context.Context) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.addr)
	if err != nil {
		return fmt.Errorf("api: listen on %s: %w", s.addr, err)
	}
	s.listener = l
	go func() {
		defer close(s.served)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.logger.Error("api: server ended", "addr", l.Addr().String(), "error", err)
		}
	}()
	return nil
}

// Addr returns the address it listens on, with the real port; nil before
// Start.
func (s *Server) Addr() net.Addr {
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// Stop takes no new request, lets those in progress end until ctx is done, and
// then cuts them. It returns when the last one is gone, and does nothing
// before Start or a second time. The error is ctx's when requests were cut.
func (s *Server) Stop(ctx context.Context) error {
	if s.listener == nil {
		return nil
	}
	var err error
	s.stop.Do(func() {
		if err = s.http.Shutdown(ctx); err != nil {
			err = fmt.Errorf("api: requests were cut: %w", err)
			_ = s.http.Close() // its connections are being thrown away
		}
	})
	<-s.served
	s.requests.Wait() // the handlers of cut connections see a cancelled context
	return err
}
