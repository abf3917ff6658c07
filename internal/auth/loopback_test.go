package auth

import (
	"errors"
	"strings"
	"testing"
)

// Without any token the server may listen on this machine only, and the refusal says
// how to make a token.
func TestRequireLoopback(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:8080", "127.8.8.8:0", "[::1]:8080", "localhost:1", "[::ffff:127.0.0.1]:80"} {
		if err := RequireLoopback(addr); err != nil {
			t.Errorf("%s: %v", addr, err)
		}
	}
	for _, addr := range []string{":8080", "0.0.0.0:8080", "[::]:8080", "10.0.0.1:8080", "example.com:80", "localhost.example.com:80", "8080"} {
		err := RequireLoopback(addr)
		if err == nil {
			t.Errorf("%s passes", addr)
		} else if addr != "8080" && !strings.Contains(err.Error(), "lazaret token create") {
			t.Errorf("%s: the error does not say what to do: %v", addr, err)
		}
	}
}

// An open server answers no page of another origin, and no name that was pointed at it.
func TestCheckLocal(t *testing.T) {
	good := []struct{ host, origin string }{
		{"127.0.0.1:8080", ""}, {"localhost:8080", ""}, {"[::1]:8080", ""}, {"localhost", ""}, {"[::1]", ""}, {"LOCALHOST:1", ""},
		{"127.0.0.1:8080", "http://127.0.0.1:8080"}, {"localhost:8443", "https://localhost:8443"},
	}
	for _, c := range good {
		if err := CheckLocal(c.host, c.origin); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	bad := []struct{ host, origin string }{
		{"", ""}, {"evil.example:8080", ""}, {"127.0.0.1.evil.example", ""}, {"localhost.evil.example:8080", ""}, {"10.0.0.1", ""},
		{"127.0.0.1:8080", "http://evil.example"}, {"127.0.0.1:8080", "null"}, {"127.0.0.1:8080", "http://127.0.0.1:3000"},
		{"127.0.0.1:8080", "http://localhost:8080"}, {"127.0.0.1:8080", "file://127.0.0.1:8080"},
		{"evil.example:8080", "http://evil.example:8080"},
	}
	for _, c := range bad {
		if err := CheckLocal(c.host, c.origin); !errors.Is(err, ErrForbidden) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
