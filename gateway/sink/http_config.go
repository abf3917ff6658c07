package sink

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// maxHeadersFile bounds the file of secret headers, in bytes.
const maxHeadersFile = 64 << 10

// checkURL accepts an http or https URL whose host is allowed. Its errors show no query
// and no password.
func checkURL(raw string, allow []string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("url cannot be parsed")
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("url must begin with https:// or http://")
	case u.Hostname() == "":
		return nil, errors.New("url names no host")
	case u.User != nil:
		return nil, errors.New("url must not hold a user or a password; put an Authorization header into headers_file")
	case u.Fragment != "":
		return nil, errors.New("url must not have a fragment (#…)")
	}
	if !allowed(u, allow) {
		return nil, fmt.Errorf("host %q is not allowed; add it to sinks.http.hosts in lazaret.yaml", u.Host)
	}
	return u, nil
}

// allowed reports whether a host, or host and port, of the list is the URL's.
func allowed(u *url.URL, list []string) bool {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	host := u.Hostname()
	for _, a := range list {
		if strings.EqualFold(strings.Trim(a, "[]"), host) || strings.EqualFold(a, net.JoinHostPort(host, port)) {
			return true
		}
	}
	return false
}

// ours are headers that the sink or the transport sets.
func ours(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Content-Type", "Content-Length", "Content-Encoding", "Idempotency-Key", "Host", "Connection",
		"Transfer-Encoding", "Trailer", "Upgrade", "Te", "Expect", "Proxy-Connection", "Keep-Alive":
		return true
	}
	return false
}

// isToken reports whether s can be a header's name (RFC 9110, 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && !('0' <= c && c <= '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}

// isPrintable reports whether s can be a header's value: no control characters but tab.
func isPrintable(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// readHeaders reads lines "Name: value"; empty lines and lines that begin with # are
// skipped. Its errors name the line and never show what is in it.
func readHeaders(path string) (http.Header, error) {
	if path == "" {
		return http.Header{}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("headers_file: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxHeadersFile+1))
	if err != nil {
		return nil, fmt.Errorf("headers_file: %w", err)
	}
	if len(data) > maxHeadersFile {
		return nil, fmt.Errorf("headers_file %s is larger than %d bytes", path, maxHeadersFile)
	}
	headers := http.Header{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, maxHeadersFile+1)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if !ok || !isToken(name) || !isPrintable(value) {
			return nil, fmt.Errorf("headers_file %s, line %d: not a header, which is written \"Name: value\"", path, n)
		}
		if ours(name) {
			return nil, fmt.Errorf("headers_file %s, line %d: the header %s is set by Lazaret", path, n, http.CanonicalHeaderKey(name))
		}
		headers.Add(name, value)
	}
	return headers, lines.Err()
}
