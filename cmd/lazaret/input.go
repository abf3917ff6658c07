package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// input opens a file, or standard input for "-". The size is 0 where it is unknown. An
// interrupt ends what waits for input.
func (e *env) input(ctx context.Context, name string) (io.ReadCloser, int64, error) {
	if name == "-" {
		return interruptible(ctx, io.NopCloser(e.stdin)), 0, nil
	}
	f, size, err := openFile(ctx, name)
	if errors.Is(err, errDirectory) {
		return nil, 0, usage("%s is a directory; give a file, or - for standard input", name)
	}
	return f, size, unread("", err)
}

var errDirectory = errors.New("is a directory")

// openFile opens a file to read, whatever it is: neither a pipe that nobody writes to nor a
// device without an end holds up an interrupt. The size is 0 where it is unknown.
func openFile(ctx context.Context, name string) (io.ReadCloser, int64, error) {
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return nil, 0, fmt.Errorf("%s %w", name, errDirectory)
	case err == nil && !info.Mode().IsRegular():
		f, err := openPipe(ctx, name)
		if err != nil {
			return nil, 0, err
		}
		return interruptible(ctx, f), 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// openPipe opens what may take until another process does something. The goroutine may then
// wait for that until the process ends.
func openPipe(ctx context.Context, name string) (*os.File, error) {
	type opened struct {
		f   *os.File
		err error
	}
	done := make(chan opened)
	go func() {
		f, err := os.Open(name)
		select {
		case done <- opened{f, err}:
		case <-ctx.Done():
			f.Close() // of nil, it does nothing
		}
	}()
	select {
	case o := <-done:
		return o.f, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// interruptible makes reads end when ctx does: a person who types, or a pipe that says
// nothing, must not hold up an interrupt. The goroutine that reads may then wait for input
// until the process ends, where closing does not wake it.
func interruptible(ctx context.Context, in io.ReadCloser) io.ReadCloser {
	r, w := io.Pipe()
	stop := context.AfterFunc(ctx, func() { w.CloseWithError(ctx.Err()) })
	go func() {
		_, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{in}, make([]byte, 256<<10))
		w.CloseWithError(err)
	}()
	return closing{r, func() error { stop(); return errors.Join(r.Close(), in.Close()) }}
}

// closing is a reader that is closed by a function.
type closing struct {
	io.Reader
	close func() error
}

// Close implements io.Closer.
func (c closing) Close() error { return c.close() }

// during reads until ctx ends: also what always has more, such as a line without an end.
type during struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (d during) Read(b []byte) (int, error) {
	if err := d.ctx.Err(); err != nil {
		return 0, err
	}
	return d.r.Read(b)
}

// maxWhole is how much of a file is read that is needed whole, such as a schema.
const maxWhole = 4 << 20

var errTooLarge = fmt.Errorf("is larger than %d MiB", maxWhole>>20)

// readFile reads a file whole. An interrupt ends what waits for it.
func readFile(ctx context.Context, name string) ([]byte, error) {
	f, _, err := openFile(ctx, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readWhole(f, name)
}

func readWhole(r io.Reader, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxWhole+1))
	if err == nil && len(data) > maxWhole {
		err = fmt.Errorf("%s %w", name, errTooLarge)
	}
	return data, err
}

// readBeside reads a file whose name no person gave: it is a regular one, so that it is
// never waited for.
func readBeside(name string) ([]byte, error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readWhole(f, name)
}

// unread is the error of a file that could not be read: a fault of the command line, unless
// the command was interrupted.
func unread(flag string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return usage("%s%v", flag, err)
}
