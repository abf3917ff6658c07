package config

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/auth"
)

// problems gathers what is wrong, each with the key that it is about.
type problems []error

func (p *problems) add(key, format string, args ...any) {
	*p = append(*p, fmt.Errorf(key+": "+format, args...))
}

func (p *problems) check(ok bool, key, format string, args ...any) {
	if !ok {
		p.add(key, format, args...)
	}
}

// Validate reports every problem at once, joined, each beginning with the key that it
// is about. It looks at values only: whether files exist and ports are free is found
// when they are used.
func (c Config) Validate() error {
	var p problems
	p.address("listen.http", c.Listen.HTTP)
	if c.Listen.Admin != "" {
		p.address("listen.admin", c.Listen.Admin)
		p.check(c.Listen.Admin != c.Listen.HTTP || strings.HasSuffix(c.Listen.Admin, ":0"),
			"listen.admin", "is the same address as listen.http: leave it out to serve both there")
	}
	p.check((c.TLS.Cert == "") == (c.TLS.Key == ""), "tls", "cert and key go together: give both or neither")
	p.check(c.Store.Path != "", "store.path", "must not be empty")
	p.check(c.Sinks.File.Root != "", "sinks.file.root", "must not be empty")
	for i, h := range c.Sinks.HTTP.Hosts {
		p.check(validHost(h), fmt.Sprintf("sinks.http.hosts[%d]", i), "expected a host name or address, with or without a port, and no scheme or path")
	}
	p.kafka(c.Kafka)
	p.limits(c.Limits)
	p.tokens(c.Tokens)
	p.check(slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level), "log.level", "expected debug, info, warn or error")
	p.check(slices.Contains([]string{"text", "json"}, c.Log.Format), "log.format", "expected text or json")
	p.between("reprocess.concurrency", int64(c.Reprocess.Concurrency), 1, 32)
	p.duration("shutdown_timeout", c.ShutdownTimeout)
	return errors.Join(p...)
}

func (p *problems) limits(l Limits) {
	p.size("limits.event", l.Event, 1<<10, 1<<30)
	p.size("limits.body", l.Body, 1<<10, 1<<30)
	p.size("limits.decoded", l.Decoded, 1<<10, 256<<20)
	p.size("limits.in_flight", l.InFlight, 1<<20, 1<<40)
	p.size("limits.admin_body", l.AdminBody, 1<<10, 64<<20)
	p.between("limits.batch_events", int64(l.BatchEvents), 1, 1_000_000)
	p.between("limits.json_depth", int64(l.JSONDepth), 1, 1000)
	p.between("limits.json_keys", int64(l.JSONKeys), 1, 100_000_000)
	p.duration("limits.read_timeout", l.ReadTimeout)
	p.duration("limits.write_timeout", l.WriteTimeout)
	p.duration("limits.idle_timeout", l.IdleTimeout)
	p.check(l.Event <= l.Decoded, "limits.event", "is more than limits.decoded, so that no request could hold such an event")
	p.check(l.Body <= l.Decoded, "limits.decoded", "is less than limits.body")
	p.check(l.Decoded <= l.InFlight, "limits.in_flight", "is less than limits.decoded, so that a request could never be taken")
}

func (p *problems) tokens(tokens []Token) {
	seen := map[string]bool{}
	for i, t := range tokens {
		key := fmt.Sprintf("tokens[%d]", i)
		p.check(t.Name != "", key+".name", "must not be empty")
		p.check(!seen[t.Name], key+".name", "another token here has the same name")
		seen[t.Name] = true
		if _, err := auth.ParseScopes(t.Scopes); err != nil {
			p.add(key+".scopes", "%w", err)
		}
		switch {
		case (t.SHA256 == "") == (t.File == ""):
			p.add(key, "give exactly one of sha256 and file")
		case t.SHA256 != "":
			if _, err := auth.ParseSum(t.SHA256); err != nil {
				p.add(key+".sha256", "%w", err)
			}
		}
	}
}

func (p *problems) size(key string, v, least, most Size) {
	p.check(v >= least && v <= most, key, "is %s, and must be %s to %s", v, least, most)
}

func (p *problems) between(key string, v, least, most int64) {
	p.check(v >= least && v <= most, key, "is %d, and must be %d to %d", v, least, most)
}

func (p *problems) duration(key string, d Duration) {
	p.check(d > 0 && time.Duration(d) <= time.Hour, key, "is %s, and must be more than 0 and at most 1h", d)
}

func (p *problems) address(key, addr string) {
	_, port, err := net.SplitHostPort(addr)
	n, perr := strconv.Atoi(port)
	p.check(err == nil && perr == nil && n >= 0 && n <= 65535, key, "expected host:port, such as 127.0.0.1:8080")
}

func validHost(s string) bool {
	if host, port, err := net.SplitHostPort(s); err == nil {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return false
		}
		s = host
	} else if inner, ok := strings.CutPrefix(s, "["); ok {
		s = strings.TrimSuffix(inner, "]")
	}
	if net.ParseIP(s) != nil {
		return true
	}
	return s != "" && !strings.ContainsAny(s, "/:@ \t?#[]*")
}

// leastToken is the shortest token, in bytes, that a file may hold.
const leastToken = 32

// sum is the token's hash. What a file holds is trimmed of the white space around it.
func (t Token) sum() (auth.Sum, error) {
	if t.File == "" {
		return auth.ParseSum(t.SHA256)
	}
	b, err := os.ReadFile(t.File)
	if err != nil {
		return auth.Sum{}, fmt.Errorf("file: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if len(token) < leastToken {
		return auth.Sum{}, fmt.Errorf("file: %s holds a token of %d bytes, and %d is the least: `lazaret token create` makes good ones", t.File, len(token), leastToken)
	}
	return auth.SumOf(token), nil
}
