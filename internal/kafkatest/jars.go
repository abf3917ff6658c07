package kafkatest

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

//go:embed pom.xml
var pom []byte

// fetchTime bounds how long Maven may take; what it fetches has 45 MB.
const fetchTime = 10 * time.Minute

// errMissing tells what to install.
var errMissing = errors.New("a broker for tests needs Java 17 or later and Maven: install them (for example apt-get install openjdk-17-jre-headless maven), or name a broker that runs in KAFKA_BROKERS")

// Version is the version of Kafka that Run starts.
func Version() (string, error) {
	var p struct {
		Version string `xml:"properties>kafka.version"`
	}
	if err := xml.Unmarshal(pom, &p); err != nil {
		return "", fmt.Errorf("pom.xml: %w", err)
	}
	if p.Version == "" {
		return "", errors.New("pom.xml names no kafka.version")
	}
	return p.Version, nil
}

// cacheDir is the environment's LAZARET_CACHE, or the folder lazaret in the user's cache.
func cacheDir() (string, error) {
	if dir := os.Getenv("LAZARET_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no folder for the cache: %w; set LAZARET_CACHE to one", err)
	}
	return filepath.Join(dir, "lazaret"), nil
}

// jars returns the folder with Kafka and all that it needs, filled if need be. Many
// processes may ask at once: one fetches, the others wait for it. The folder gets its name
// when it is whole.
func jars(ctx context.Context) (string, error) {
	version, err := Version()
	if err != nil {
		return "", err
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "kafka-"+version)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("making the cache: %w", err)
	}
	unlock, err := lock(ctx, dir+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	return dir, fetch(ctx, cache, dir)
}

// fetch has Maven bring the jars to dir, which is in the folder cache.
func fetch(ctx context.Context, cache, dir string) error {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return errMissing
	}
	temp, err := os.MkdirTemp(cache, "kafka-fetch-")
	if err != nil {
		return fmt.Errorf("making the cache: %w", err)
	}
	defer os.RemoveAll(temp)
	if err := os.WriteFile(filepath.Join(temp, "pom.xml"), pom, 0o644); err != nil {
		return fmt.Errorf("making the cache: %w", err)
	}
	lib := filepath.Join(temp, "lib")
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, mvn, "-q", "-B", "--strict-checksums", "dependency:copy-dependencies",
		"-DincludeScope=runtime", "-DoutputDirectory="+lib)
	cmd.Dir, cmd.WaitDelay = temp, time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mvn dependency:copy-dependencies: %w\n%s", err, tail(out))
	}
	if found, err := filepath.Glob(filepath.Join(lib, "kafka_*.jar")); err != nil || len(found) == 0 {
		return errors.New("mvn dependency:copy-dependencies left no Kafka")
	}
	if err := os.Rename(lib, dir); err != nil {
		return fmt.Errorf("filling the cache: %w", err)
	}
	return nil
}

// java is the Java that is used: that of JAVA_HOME, or the one on the path.
func java() (string, error) {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		return filepath.Join(home, "bin", "java"), nil
	}
	path, err := exec.LookPath("java")
	if err != nil {
		return "", errMissing
	}
	return path, nil
}

// tail is the end of a command's output, where the error is.
func tail(out []byte) string {
	const most = 4000
	out = bytes.TrimSpace(out)
	if len(out) > most {
		out = out[len(out)-most:]
	}
	return string(out)
}
