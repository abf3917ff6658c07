package auth

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// RequireLoopback returns nil if the listen address (host:port) can be reached from
// this machine alone, and else an error that says how to make a token. The app calls
// it for each listener while Guard.Open is true.
func RequireLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("listen address %q: %w", addr, err)
	}
	if isLoopback(host) {
		return nil
	}
	return fmt.Errorf("there is no token yet, and %s can be reached from other machines: "+
		"make one with `lazaret token create --name NAME --scope admin` (and --config FILE, if the server has one), add one under `tokens:` in lazaret.yaml, "+
		"or listen on 127.0.0.1", addr)
}

// CheckLocal protects an open server on loopback from the browser of the person at
// the machine. A page from elsewhere can make the browser send requests here: by a
// name that it points at 127.0.0.1 (DNS rebinding; the Host header gives it away) or
// across origins (the Origin header does). Host and origin are those two headers;
// an absent Origin is "". A refusal is an ErrForbidden.
func CheckLocal(host, origin string) error {
	if !isLoopback(hostname(host)) {
		return fmt.Errorf("%w: without tokens only requests to localhost are answered, and this one names another host", ErrForbidden)
	}
	if origin == "" {
		return nil
	}
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || !strings.EqualFold(u.Host, host) {
		return fmt.Errorf("%w: without tokens no requests of other web pages (Origin) are answered", ErrForbidden)
	}
	return nil
}

// hostname is the Host header without its port and brackets.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

// isLoopback takes an IP address or a name. Of the names only localhost counts:
// others mean what some resolver says they mean.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
