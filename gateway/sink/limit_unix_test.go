//go:build unix

package sink

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Promise 1 on a full disk: under a real file-size limit a write that does not fit fails
// with ErrFull and leaves nothing, and the sink works again when there is room.
func TestFileSizeLimit(t *testing.T) {
	root := t.TempDir()
	cmd := exec.Command(os.Args[0]) // a limit is of a whole process
	cmd.Env = append(os.Environ(), childEnv+"="+root, childEnv+"_LIMIT=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got := landed(t, root)
	wantOnce(t, got, "small", 3)
	wantOnce(t, got, "again", 500)
	if len(got) != 503 {
		t.Errorf("%d events, want 503", len(got))
	}
}

func limitChild() int {
	if err := limitScenario(os.Getenv(childEnv)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func limitScenario(root string) error {
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
		return err
	}
	s, err := NewFile(fileConfig(root))
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := s.Write(ctx, numbered("", "small", 3)); err != nil {
		return err
	}
	low := before
	low.Cur = 4096
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &low); err != nil {
		return err
	}
	for _, id := range []string{"", "again"} {
		if err := s.Write(ctx, numbered(id, "again", 500)); !errors.Is(err, ErrFull) {
			return fmt.Errorf("write over the limit: %v, want ErrFull", err)
		}
		if err := s.Ready(); !errors.Is(err, ErrFull) {
			return fmt.Errorf("Ready when full: %v, want ErrFull", err)
		}
	}
	lines := 0
	if err := ReadAll(filepath.Join(root, "d"), func([]byte) error { lines++; return nil }); err != nil || lines != 3 {
		return fmt.Errorf("%d lines when full (%v), want 3", lines, err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
		return err
	}
	if err := s.Write(ctx, numbered("again", "again", 500)); err != nil {
		return fmt.Errorf("write when there is room again: %w", err)
	}
	if err := s.Ready(); err != nil {
		return err
	}
	return s.Close(ctx)
}
