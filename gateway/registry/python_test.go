package registry

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/auth"
)

//go:embed testdata/requirements.txt
var requirements []byte

// installTime bounds how long pip may take.
const installTime = 10 * time.Minute

// python returns the interpreter of a virtual environment with the client, made if need be.
// It is kept in the environment's LAZARET_CACHE, or the folder lazaret in the user's cache,
// under a name that says what is in it, which it gets when it is whole.
func python(ctx context.Context) (string, error) {
	version, err := exec.CommandContext(ctx, "python3", "-c", "import sys, venv, ensurepip; print(sys.version, sys.prefix)").Output()
	if err != nil {
		return "", fmt.Errorf("TestPythonClient needs Python 3.10 or later with venv: install it, for example by apt-get install python3 python3-venv (%w)", err)
	}
	cache := os.Getenv("LAZARET_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("no folder for the cache: %w; set LAZARET_CACHE to one", err)
		}
		cache = filepath.Join(user, "lazaret")
	}
	dir := filepath.Join(cache, fmt.Sprintf("python-%.6x", sha256.Sum256(append(version, requirements...))))
	interpreter := filepath.Join(dir, "bin", "python")
	if _, err := os.Stat(interpreter); err == nil {
		return interpreter, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(cache, "python-*.new")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	ctx, cancel := context.WithTimeout(ctx, installTime)
	defer cancel()
	pip := []string{"-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "-r", "testdata/requirements.txt"}
	for _, cmd := range []*exec.Cmd{
		exec.CommandContext(ctx, "python3", "-m", "venv", work),
		exec.CommandContext(ctx, filepath.Join(work, "bin", "python"), pip...),
	} {
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("the virtual environment for the Python client cannot be made: %w: %s", err, out)
		}
	}
	if err := os.Rename(work, dir); err != nil && !errors.Is(err, os.ErrExist) { // somebody else was first
		if _, there := os.Stat(interpreter); there != nil {
			return "", err
		}
	}
	return interpreter, nil
}

// TestPythonClient: Confluent's own Python client, with its JSON serializer and
// deserializer, does what testdata/client.py says.
func TestPythonClient(t *testing.T) {
	interpreter, err := python(t.Context())
	must(t, err)
	s, tokens := newServer(t, auth.Admin)
	out, err := exec.CommandContext(t.Context(), interpreter, "testdata/client.py", s.url, tokens[0]).CombinedOutput()
	steps := strings.Count(string(out), "\n")
	if err != nil || !strings.HasSuffix(string(out), "\nend\n") || steps < 35 {
		t.Fatalf("after %d steps: %v\n%s", steps, err, out)
	}
}
