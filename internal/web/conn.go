package web

import (
	"io"
	"net"
	"sync/atomic"
	"time"
)

// How much of a body that nobody wants is still taken, and for how long, so that the
// client gets to read the answer before the connection goes.
const (
	lingerBytes = 1 << 20
	lingerTime  = 500 * time.Millisecond
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

// markLinger marks the connection below nc, which may be a TLS connection over it.
func markLinger(nc net.Conn) {
	if t, ok := nc.(interface{ NetConn() net.Conn }); ok {
		nc = t.NetConn()
	}
	if c, ok := nc.(*conn); ok {
		c.linger.Store(true)
	}
}
