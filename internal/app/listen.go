package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/lazaret/lazaret/internal/auth"
	"github.com/lazaret/lazaret/internal/web"
)

// bind takes an address and makes the server for it. Without any token only loopback
// addresses are taken.
func (a *App) bind(address string) (*port, error) {
	if a.guard.Open() {
		if err := auth.RequireLoopback(address); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrConfig, err)
		}
	}
	ln, err := net.Listen(network(address), address)
	if errors.Is(err, syscall.EADDRINUSE) {
		// The other may go; who started this one should try again.
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	p := &port{ln: ln, app: web.New(web.Config{
		ReadTimeout:  time.Duration(a.cfg.Limits.ReadTimeout),
		WriteTimeout: time.Duration(a.cfg.Limits.WriteTimeout),
		IdleTimeout:  time.Duration(a.cfg.Limits.IdleTimeout),
		Log:          a.log,
		Observe:      a.requested,
	})}
	a.ports = append(a.ports, p)
	a.onStop("the listener on "+ln.Addr().String(), func(ctx context.Context) error {
		defer ln.Close() // for a Stop before Start
		return p.app.Shutdown(ctx)
	})
	return p, nil
}

// tls returns the configuration of the certificate in lazaret.yaml, or nil without one.
func (a *App) tls() (*tls.Config, error) {
	if !a.cfg.TLS.Enabled() {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(a.cfg.TLS.Cert, a.cfg.TLS.Key)
	if err != nil {
		return nil, fmt.Errorf("%w: tls: %w", ErrConfig, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, nil
}

// network keeps an IPv4 address to IPv4: Go would take 0.0.0.0 for every address.
func network(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		if ip, err := netip.ParseAddr(host); err == nil && ip.Is4() {
			return "tcp4"
		}
	}
	return "tcp"
}
