package web_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/web"
)

// start serves app on a free port until the test ends and returns its address.
func start(t *testing.T, app *web.App) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Listen(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := app.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Listen: %v", err)
		}
	})
	return ln.Addr().String()
}

// raw sends text over one TCP connection and returns everything that comes back
// until the server closes it, or the deadline passes.
func raw(t *testing.T, addr, text string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(c)
	return string(b)
}

func get(t *testing.T, method, url string, body io.Reader) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

func echoApp(conf web.Config) *web.App {
	app := web.New(conf)
	app.Handle("GET", "/things/:thing", func(c *web.Ctx) error {
		return c.JSON(200, map[string]string{"thing": c.Param("thing")})
	})
	app.Handle("POST", "/echo", func(c *web.Ctx) error {
		b, err := c.ReadBody(1 << 20)
		if err != nil {
			return err
		}
		return c.Bytes(200, "application/octet-stream", b)
	})
	app.Handle("POST", "/unread", func(c *web.Ctx) error {
		return &web.Problem{Status: 401, Detail: "no", Headers: map[string]string{"WWW-Authenticate": "Bearer"}}
	})
	app.Handle("GET", "/panic", func(*web.Ctx) error { panic("secret value") })
	app.Handle("GET", "/error", func(*web.Ctx) error { return fmt.Errorf("secret value") })
	return app
}

func TestAnswersAreProblemsWithSecurityHeaders(t *testing.T) {
	url := "http://" + start(t, echoApp(web.Config{}))
	for _, tc := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/nothing", 404, ""},
		{"DELETE", "/things/1", 405, "GET"},
		{"PROPFIND", "/things/1", 501, ""},
		{"GET", "/panic", 500, ""},
		{"GET", "/error", 500, ""},
		{"POST", "/unread", 401, ""},
	} {
		resp, body := get(t, tc.method, url+tc.path, nil)
		if resp.StatusCode != tc.status || resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: %d %s", tc.method, tc.path, resp.StatusCode, resp.Header.Get("Content-Type"))
		}
		if !strings.HasPrefix(resp.Header.Get("Allow"), tc.allow) {
			t.Errorf("%s %s: Allow %q", tc.method, tc.path, resp.Header.Get("Allow"))
		}
		var p web.Problem
		if err := json.Unmarshal([]byte(body), &p); err != nil || p.Status != tc.status || p.Title == "" || p.RequestID == "" {
			t.Errorf("%s %s: %v %q", tc.method, tc.path, err, body)
		}
		if p.RequestID != resp.Header.Get("X-Request-Id") {
			t.Errorf("%s %s: request id %q, header %q", tc.method, tc.path, p.RequestID, resp.Header.Get("X-Request-Id"))
		}
		if strings.Contains(body, "secret") {
			t.Errorf("%s %s tells of the inside: %s", tc.method, tc.path, body)
		}
		if resp.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(resp.Header.Get("Content-Security-Policy"), "default-src 'none'") || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s: headers %v", tc.method, tc.path, resp.Header)
		}
	}
}

func TestParamsAreDecodedAfterRouting(t *testing.T) {
	url := "http://" + start(t, echoApp(web.Config{}))
	for sent, want := range map[string]string{"plain": "plain", "a%2Fb": "a/b", "%25": "%"} {
		if _, body := get(t, "GET", url+"/things/"+sent, nil); strings.TrimSpace(body) != fmt.Sprintf(`{"thing":%q}`, want) {
			t.Errorf("%s: %s", sent, body)
		}
	}
}

// A body that a handler left unread is never taken for the next request.
func TestUnreadBodyIsNoRequest(t *testing.T) {
	addr := start(t, echoApp(web.Config{}))
	smuggled := "GET /things/smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
	pad := strings.Repeat(" ", 100_000)
	for name, req := range map[string]string{
		"length":  fmt.Sprintf("POST /unread HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s%s", len(pad)+len(smuggled), pad, smuggled),
		"chunked": fmt.Sprintf("POST /unread HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(smuggled), smuggled),
		"404":     fmt.Sprintf("POST /nothing HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(smuggled), smuggled),
	} {
		got := raw(t, addr, req)
		if strings.Contains(got, "smuggled") || strings.Count(got, "HTTP/1.1 ") != 1 || !strings.Contains(got, "Connection: close") {
			t.Errorf("%s: %q", name, got)
		}
	}
	small := fmt.Sprintf("POST /unread HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", len(smuggled), smuggled) +
		"GET /things/next HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
	if got := raw(t, addr, small); strings.Contains(got, "smuggled") || !strings.Contains(got, `"next"`) {
		t.Errorf("small body: %q", got)
	}
}

func TestKeepAliveAfterReadBodies(t *testing.T) {
	addr := start(t, echoApp(web.Config{}))
	got := raw(t, addr, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n"+
		"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 20000\r\n\r\n"+strings.Repeat("2", 20000)+
		"GET /things/three HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	if strings.Count(got, "HTTP/1.1 200 OK") != 3 || !strings.Contains(got, "three") {
		t.Errorf("%.300q", got)
	}
}

func TestMalformedHTTPIsRefused(t *testing.T) {
	addr := start(t, echoApp(web.Config{HeaderLimit: 4096}))
	for name, tc := range map[string]struct{ req, status string }{
		"two lengths that differ": {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "400"},
		"two lengths alike":       {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "400"},
		"length and chunked":      {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
		"LF in chunk extension":   {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;a\nb\r\nabc\r\n0\r\n\r\n", "400"},
		"huge headers":            {"GET /things/1 HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", 8192) + "\r\n\r\n", "431"},
		"negative length":         {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", "400"},
	} {
		got := raw(t, addr, tc.req)
		if !strings.HasPrefix(got, "HTTP/1.1 "+tc.status) || strings.Count(got, "HTTP/1.1 ") != 1 {
			t.Errorf("%s: %.200q", name, got)
		}
	}
}

// Lines that end in a bare LF do not end the headers: the request never begins.
func TestBareLFEndsNoLine(t *testing.T) {
	addr := start(t, echoApp(web.Config{ReadTimeout: 200 * time.Millisecond}))
	got := raw(t, addr, "GET /things/smuggled HTTP/1.1\nHost: h\n\n")
	if strings.Contains(got, "smuggled") || strings.Contains(got, "200 OK") {
		t.Errorf("%q", got)
	}
}

func TestBodyAboveLimitIs413(t *testing.T) {
	url := "http://" + start(t, echoApp(web.Config{}))
	for name, body := range map[string]io.Reader{
		"length":  strings.NewReader(strings.Repeat("x", 1<<20+1)),
		"chunked": io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<20+1))),
	} {
		if resp, text := get(t, "POST", url+"/echo", body); resp.StatusCode != 413 {
			t.Errorf("%s: %d %s", name, resp.StatusCode, text)
		}
	}
}

// A body that trickles in is cut off at the read timeout, while others are served.
func TestSlowBodyIsCutOff(t *testing.T) {
	addr := start(t, echoApp(web.Config{ReadTimeout: 300 * time.Millisecond}))
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answer := make(chan string, 1)
	go func() {
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		b, _ := io.ReadAll(c)
		answer <- string(b)
	}()
	if _, err := io.WriteString(c, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case got := <-answer:
			if !strings.HasPrefix(got, "HTTP/1.1 408") {
				t.Errorf("%q", got)
			}
			return
		case <-tick.C:
			_, _ = io.WriteString(c, "1\r\nx\r\n") // fails once the server has closed
			if resp, _ := get(t, "GET", "http://"+addr+"/things/other", nil); resp.StatusCode != 200 {
				t.Errorf("another client got %d", resp.StatusCode)
			}
		}
	}
}

func TestStreamedAnswers(t *testing.T) {
	app := echoApp(web.Config{})
	app.Handle("GET", "/stream/:how", func(c *web.Ctx) error {
		how := c.Param("how")
		return c.Stream(200, "application/x-ndjson", func(w *bufio.Writer) error {
			for i := range 10_000 {
				fmt.Fprintf(w, "{\"line\":%d}\n", i)
			}
			switch how {
			case "fails":
				return fmt.Errorf("the store went away")
			case "panics":
				panic("no")
			}
			return nil
		})
	})
	url := "http://" + start(t, app)
	if _, body := get(t, "GET", url+"/stream/well", nil); strings.Count(body, "\n") != 10_000 {
		t.Errorf("got %d lines", strings.Count(body, "\n"))
	}
	for _, how := range []string{"fails", "panics"} {
		resp, err := http.Get(url + "/stream/" + how)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = io.ReadAll(resp.Body); err == nil {
			t.Errorf("%s: the part was taken for the whole", how)
		}
		resp.Body.Close()
	}
}

// Shutdown lets a request that was taken finish, takes no new one, and may come twice.
func TestShutdownFinishesWhatItTook(t *testing.T) {
	app := web.New(web.Config{})
	taken, release := make(chan struct{}), make(chan struct{})
	app.Handle("GET", "/slow", func(c *web.Ctx) error {
		close(taken)
		<-release
		return c.Bytes(200, "text/plain", []byte("done"))
	})
	addr := start(t, app)
	answer := make(chan string, 1)
	go func() {
		_, body := get(t, "GET", "http://"+addr+"/slow", nil)
		answer <- body
	}()
	<-taken
	down := make(chan error, 1)
	go func() { down <- app.Shutdown(context.Background()) }()
	for { // the listener closes before Shutdown waits
		c, err := net.Dial("tcp", addr)
		if err != nil {
			break
		}
		c.Close()
	}
	select {
	case err := <-down:
		t.Fatalf("Shutdown did not wait: %v", err)
	default:
	}
	close(release)
	if got := <-answer; got != "done" {
		t.Errorf("answer %q", got)
	}
	if err := <-down; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

func TestShutdownCutsOffAtItsDeadline(t *testing.T) {
	app := web.New(web.Config{})
	taken := make(chan struct{})
	app.Handle("GET", "/stuck", func(c *web.Ctx) error {
		close(taken)
		<-c.Context().Done()
		return nil
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = app.Listen(ln) }()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET /stuck HTTP/1.1\r\nHost: h\r\n\r\n")
	<-taken
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := app.Shutdown(ctx); err == nil {
		t.Error("Shutdown hides that it cut a request off")
	}
	if _, err := io.ReadAll(c); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Error(err)
	}
}

func TestShutdownBeforeListen(t *testing.T) {
	app := web.New(web.Config{})
	if err := app.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Listen(ln); err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		t.Error("a stopped server listens")
	}
}

// testTLS returns a server's configuration with a certificate of its own, and a client's.
func testTLS(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	made := httptest.NewUnstartedServer(nil)
	made.StartTLS()
	defer made.Close()
	client = made.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	client.ServerName = "example.com"
	return &tls.Config{Certificates: made.TLS.Certificates}, client
}

// A body that ends before its length or its last chunk is refused, over TCP and TLS
// alike, although the library takes it for complete.
func TestCutBodyIsNotComplete(t *testing.T) {
	server, client := testTLS(t)
	app := echoApp(web.Config{ReadTimeout: 5 * time.Second})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = app.ListenTLS(ln, server) }()
	plain := start(t, echoApp(web.Config{}))
	t.Cleanup(func() { _ = app.Shutdown(context.Background()) })
	dials := map[string]func() (net.Conn, error){
		"tcp": func() (net.Conn, error) { return net.Dial("tcp", plain) },
		"tls": func() (net.Conn, error) { return tls.Dial("tcp", ln.Addr().String(), client) },
	}
	post := "POST /echo HTTP/1.1\r\nHost: h\r\n"
	for over, dial := range dials {
		for body, want := range map[string]string{
			"Content-Length: 3\r\n\r\nabc":                               "HTTP/1.1 200",
			"Content-Length: 4\r\n\r\nabc":                               "HTTP/1.1 400",
			"Content-Length: 20000\r\n\r\n" + strings.Repeat("x", 12000): "HTTP/1.1 400",
			"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n":    "HTTP/1.1 200",
			"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n":             "HTTP/1.1 400",
			"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0":            "HTTP/1.1 400",
			"Transfer-Encoding: chunked\r\n\r\n3\r\nab":                  "HTTP/1.1 400",
			"Transfer-Encoding: chunked\r\n\r\n":                         "HTTP/1.1 400",
		} {
			c, err := dial()
			if err != nil {
				t.Fatal(err)
			}
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			if _, err := io.WriteString(c, post+body); err != nil {
				t.Fatal(err)
			}
			if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			got, _ := io.ReadAll(c)
			c.Close()
			if !strings.HasPrefix(string(got), want) {
				t.Errorf("over %s, %.70q: %.60q", over, body, got)
			}
		}
	}
}
