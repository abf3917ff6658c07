package web

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

type bodyKey struct{}

// bodyReader reads the body off the connection and knows when it has all of it. The
// library takes a connection that ends in the middle of a body for the body's end; here
// that is an error.
type bodyReader struct {
	r        io.Reader
	conn     *conn // nil if it is not ours
	declared int   // below 0 if the body is in chunks
	read     int
	done     bool
	err      error // sticks
}

func (b *bodyReader) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.r.Read(p)
	b.read += n
	if err == io.EOF && !b.complete() {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		b.done = err == io.EOF
		b.err = bodyError(err)
	}
	return n, b.err
}

// complete says, at the end of what there is to read, whether that was all. The last
// chunk says that it is the last, and nothing is read off the connection after it: so a
// connection whose end was seen ended before the last chunk did.
func (b *bodyReader) complete() bool {
	if b.declared >= 0 {
		return b.read == b.declared
	}
	return b.conn == nil || !b.conn.ended.Load()
}

// bodyError tells the client what was wrong with the way the body arrived.
func bodyError(err error) error {
	var timeout net.Error
	switch {
	case err == io.EOF:
		return io.EOF
	case errors.As(err, &timeout) && timeout.Timeout():
		return &Problem{Status: 408, Detail: "The body did not arrive in time."}
	default:
		return &Problem{Status: 400, Detail: "The body ended early, or its chunks are not well formed."}
	}
}

// ContentLength returns the length that the request declares for its body, in bytes:
// 0 if it has none, -1 if it is not known before it is read.
func (c *Ctx) ContentLength() int64 {
	switch n := c.fast().Request.Header.ContentLength(); n {
	case -2:
		return 0
	default:
		return int64(n)
	}
}

// Body returns a reader of the body as it was sent, with no content encoding undone.
// Nothing beyond a few kilobytes is read off the connection before Read is called. It
// has no limit of its own; its errors, other than io.EOF, are Problems. It is valid
// until the handler returns.
func (c *Ctx) Body() io.Reader {
	ctx := c.fast()
	if b, ok := ctx.UserValue(bodyKey{}).(*bodyReader); ok {
		return b
	}
	var src io.Reader = bytes.NewReader(nil)
	if s := ctx.Request.BodyStream(); s != nil {
		src = s
	}
	b := &bodyReader{r: src, conn: baseConn(ctx.Conn()), declared: int(c.ContentLength())}
	ctx.SetUserValue(bodyKey{}, b)
	return b
}

// ReadBody reads the whole body, at most limit bytes, and returns a copy that may be
// kept. Its errors are Problems; too large a body is a 413, and is not read if its
// declared length says so.
func (c *Ctx) ReadBody(limit int64) ([]byte, error) {
	declared := c.ContentLength()
	if declared > limit {
		return nil, TooLarge(limit)
	}
	var buf bytes.Buffer
	if declared > 0 {
		buf.Grow(int(min(declared, 64<<10)) + bytes.MinRead)
	}
	n, err := io.Copy(&buf, io.LimitReader(c.Body(), limit+1))
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, TooLarge(limit)
	}
	return buf.Bytes(), nil
}

// TooLarge is the Problem for a body above limit bytes.
func TooLarge(limit int64) *Problem {
	return &Problem{Status: 413, Detail: fmt.Sprintf("The body is larger than %d bytes, the most that is taken in one request. Send it in parts.", limit)}
}

// Stream answers with what write writes, in pieces, as it writes it. write runs after
// the handler has returned, on a goroutine of its own, so it must not use the Ctx. If
// it fails, the connection is cut, so that the client does not take the part for the
// whole; the error is logged. A client that does not read stops it after the write
// timeout.
func (c *Ctx) Stream(status int, contentType string, write func(w *bufio.Writer) error) error {
	resp := &c.fast().Response
	resp.SetStatusCode(status)
	resp.Header.SetContentType(contentType)
	if string(c.fast().Method()) == "HEAD" {
		return nil
	}
	pr, pw := io.Pipe()
	nc, log, id, timeout := c.fast().Conn(), c.app.conf.Log, c.RequestID(), c.app.conf.WriteTimeout
	go func() {
		err := errors.New("panic")
		defer func() {
			if r := recover(); r != nil {
				log.Error("panic in a streamed answer", "request_id", id)
			} else if err != nil && !errors.Is(err, io.ErrClosedPipe) {
				log.Error("a streamed answer failed", "request_id", id, "error", err)
			}
			_ = pw.CloseWithError(err) // a nil error ends the answer well
		}()
		w := bufio.NewWriterSize(&extending{w: pw, conn: nc, timeout: timeout}, 32<<10)
		if err = write(w); err == nil {
			err = w.Flush()
		}
	}()
	resp.SetBodyStream(pr, -1)
	return nil
}

// extending gives each piece of a streamed answer the write timeout anew.
type extending struct {
	w       io.Writer
	conn    net.Conn
	timeout time.Duration
}

func (e *extending) Write(p []byte) (int, error) {
	if err := e.conn.SetWriteDeadline(time.Now().Add(e.timeout)); err != nil {
		return 0, err
	}
	return e.w.Write(p)
}
