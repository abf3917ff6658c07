package web

import (
	"crypto/tls"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// How much of a body that nobody wants is still taken, and for how long, so that the
// client gets to read the answer before the connection goes.
const (
	lingerBytes = 64 << 20
	lingerTime  = 2 * time.Second
)

// listener hands out connections that the App keeps count of.
type listener struct {
	net.Listener
	app *App
}

func (l *listener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: nc, app: l.app}
	l.app.mu.Lock()
	l.app.conns[c] = struct{}{}
	l.app.mu.Unlock()
	return c, nil
}

// conn is a connection that can be closed politely. Closing a socket that holds unread
// bytes resets it, and the reset can overtake an answer that says why the bytes were
// not read (401, 413, 429 …). So a connection that is marked is half-closed first, and
// drained for a moment.
type conn struct {
	net.Conn
	app    *App
	linger atomic.Bool
	ended  atomic.Bool // the other side sends no more
	closed atomic.Bool
}

func (c *conn) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	c.app.mu.Lock()
	delete(c.app.conns, c)
	c.app.mu.Unlock()
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && c.linger.Load() {
		if half.CloseWrite() == nil && c.Conn.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
			_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
		}
	}
	return c.Conn.Close()
}

// cut closes the connection at once, whatever is on its way.
func (c *conn) cut() {
	c.linger.Store(false)
	_ = c.Close()
}

// Read notes when the other side has ended its half.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == io.EOF {
		c.ended.Store(true)
	}
	return n, err
}

// tlsListener hands out TLS connections over those of a listener.
type tlsListener struct {
	*listener
	conf *tls.Config
}

func (l *tlsListener) Accept() (net.Conn, error) {
	nc, err := l.listener.Accept()
	if err != nil {
		return nil, err
	}
	return &tlsConn{Conn: tls.Server(nc, l.conf), base: nc.(*conn)}, nil
}

// tlsConn is a TLS connection over a conn. The end of its stream is an alert, which the
// conn below does not see.
type tlsConn struct {
	*tls.Conn
	base *conn
}

func (c *tlsConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == io.EOF {
		c.base.ended.Store(true)
	}
	return n, err
}

// baseConn returns the conn at the bottom of a connection that was handed out.
func baseConn(nc net.Conn) *conn {
	switch c := nc.(type) {
	case *conn:
		return c
	case *tlsConn:
		return c.base
	}
	return nil
}
