package webhooks

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// maxDocument bounds what is unpacked, in bytes; the documents have 0.6 and 4 MB.
const maxDocument = 64 << 20

// npmPackage is one package, and the document in it that is wanted.
type npmPackage struct {
	name      string
	tarball   string // the file name that npm gives it
	integrity string // SHA-512 in base64, as the registry publishes it for Version
	entry     string // of the document in the tarball
}

// packages returns the schema package and the package of recorded payloads.
func packages() []npmPackage {
	return []npmPackage{
		{
			name:      "@octokit/webhooks-schemas",
			tarball:   "octokit-webhooks-schemas-" + Version + ".tgz",
			integrity: "qW0Bwtb76r4m2WzVhKDyfEeEnt1GEQoRjkCqmq2ZeB0nNVDJ+Z2LBDS9FDPyduuMXf/ZTWiCJp9PFFHgRfBe3A==",
			entry:     "package/schema.json",
		},
		{
			name:      "@octokit/webhooks-examples",
			tarball:   "octokit-webhooks-examples-" + Version + ".tgz",
			integrity: "De6U3XB6O3DtCa7bKgCMzTHdeopqqZ6SNivMYJnK65ierKL1AnNIA0tkRYCRS7lwGT792d+Ps1WbfHlso6MynQ==",
			entry:     "package/api.github.com/index.json",
		},
	}
}

// CacheDir is where the packages are kept unless someone says otherwise: the
// environment's LAZARET_CACHE, or the folder lazaret in the user's cache.
func CacheDir() (string, error) {
	if dir := os.Getenv("LAZARET_CACHE"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no folder for the cache: %w; set LAZARET_CACHE to one", err)
	}
	return filepath.Join(dir, "lazaret"), nil
}

// document returns the wanted document out of the package, fetched if need be.
func (p npmPackage) document(ctx context.Context, cacheDir string) ([]byte, error) {
	path := filepath.Join(cacheDir, p.tarball)
	data, err := os.ReadFile(path)
	if err == nil && p.verify(data) == nil {
		return p.unpack(data)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("reading the cache: %w", err)
	}
	if data, err = p.fetch(ctx, cacheDir); err != nil {
		return nil, err
	}
	return p.unpack(data)
}

// fetch has npm bring the package into the cache. It goes through a folder of its own
// and a rename, so that several programs may fetch at once.
func (p npmPackage) fetch(ctx context.Context, cacheDir string) ([]byte, error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return nil, errors.New("npm is not installed, and the recorded webhooks come as npm packages: install Node.js (which has npm) and try again")
	}
	if err := os.MkdirAll(cacheDir, 0o755); err != nil {
		return nil, fmt.Errorf("making the cache: %w", err)
	}
	temp, err := os.MkdirTemp(cacheDir, "fetch-")
	if err != nil {
		return nil, fmt.Errorf("making the cache: %w", err)
	}
	defer os.RemoveAll(temp)
	spec := p.name + "@" + Version
	cmd := exec.CommandContext(ctx, npm, "pack", spec, "--ignore-scripts", "--pack-destination", temp)
	cmd.Dir = temp
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("npm pack %s: %w\n%s", spec, err, tail(out, 2000))
	}
	data, err := os.ReadFile(filepath.Join(temp, p.tarball))
	if err != nil {
		return nil, fmt.Errorf("npm pack %s: it left no tarball: %w", spec, err)
	}
	if err := p.verify(data); err != nil {
		return nil, fmt.Errorf("npm pack %s: %w", spec, err)
	}
	if err := os.Rename(filepath.Join(temp, p.tarball), filepath.Join(cacheDir, p.tarball)); err != nil {
		return nil, fmt.Errorf("filling the cache: %w", err)
	}
	return data, nil
}

// verify holds the tarball against what was published. npm has done so too, when it
// fetched; this tells a cache that was torn or touched since.
func (p npmPackage) verify(tarball []byte) error {
	sum := sha512.Sum512(tarball)
	if got := base64.StdEncoding.EncodeToString(sum[:]); got != p.integrity {
		return fmt.Errorf("the package %s is not the one published: SHA-512 is %s, not %s", p.name, got, p.integrity)
	}
	return nil
}

// unpack returns the wanted document.
func (p npmPackage) unpack(tarball []byte) ([]byte, error) {
	gz, err := gzip.NewReader(bytes.NewReader(tarball))
	if err != nil {
		return nil, fmt.Errorf("unpacking %s: %w", p.tarball, err)
	}
	for archive := tar.NewReader(gz); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return nil, fmt.Errorf("unpacking %s: it has no %s", p.tarball, p.entry)
		}
		if err != nil {
			return nil, fmt.Errorf("unpacking %s: %w", p.tarball, err)
		}
		if header.Name != p.entry {
			continue
		}
		data, err := io.ReadAll(io.LimitReader(archive, maxDocument+1))
		if err == nil && len(data) > maxDocument {
			err = fmt.Errorf("%s has more than %d bytes", p.entry, maxDocument)
		}
		if err != nil {
			return nil, fmt.Errorf("unpacking %s: %w", p.tarball, err)
		}
		return data, nil
	}
}

// tail is the end of a command's output, where the error is.
func tail(out []byte, n int) string {
	return strings.TrimSpace(string(out[max(0, len(out)-n):]))
}
