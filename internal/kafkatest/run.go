package kafkatest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options says how a broker is to be. The zero value is one that listens on a free port of
// 127.0.0.1, in plain text, as every broker does.
type Options struct {
	Listeners  []Security        // beside the one in plain text
	Users      map[string]string // passwords by name, for the listeners with SASL
	ClientCert bool              // the listeners with TLS ask clients for a certificate
	Config     map[string]string // lines of server.properties, over those that Run writes
	Heap       string            // default 512m
	// Steady leaves the JVM to its own choice of compilers and collector, for a broker that
	// is measured or works for long; otherwise it starts fast, at half the cost.
	Steady bool
	JVM    []string // more arguments for the JVM
}

// Broker is a broker that runs, or one that was killed or stopped and may be restarted.
// Close it in the end. Its methods are safe for concurrent use.
type Broker struct {
	options  Options
	jars     string // the folder with Kafka; empty: somebody else's broker
	archive  string // the file with Kafka's classes; empty: none
	dir      string
	cluster  string              // the id that no other broker has
	addrs    map[Security]string // host:port by listener
	identity *identity           // nil without TLS

	mu      sync.Mutex
	running *process // nil while it does not run
	closed  bool
}

const (
	// formatTime, startTime and stopTime bound what takes 1, 3 and 1 s on a quiet machine.
	formatTime = time.Minute
	startTime  = 2 * time.Minute
	stopTime   = 30 * time.Second
	// clashes is how often a broker tries other ports when somebody else was quicker.
	clashes = 5
)

var (
	errPortTaken = errors.New("somebody else listens on the broker's port")
	errForeign   = errors.New("the broker of KAFKA_BROKERS is not ours to kill, stop or restart")
	errClosed    = errors.New("the broker is closed")

	// word is what names and passwords of users are made of, so that nothing in them
	// means anything to a properties file.
	word = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
)

// Run starts a broker and waits until it answers. The context bounds the start; it does not
// end the broker, which Close and the end of our process do.
func Run(ctx context.Context, o Options) (*Broker, error) {
	for name, password := range o.Users {
		if !word.MatchString(name) || !word.MatchString(password) {
			return nil, errors.New("kafkatest: names and passwords of users are letters, digits, _ and -")
		}
	}
	lib, err := jars(ctx)
	if err != nil {
		return nil, err
	}
	classes, err := archive(ctx, lib)
	if err != nil {
		return nil, err
	}
	return try(ctx, lib, classes, o)
}

// try starts a broker, again with other ports where somebody else was quicker.
func try(ctx context.Context, lib, classes string, o Options) (*Broker, error) {
	for n := 1; ; n++ {
		b, err := start(ctx, lib, classes, o)
		if err == nil || n == clashes || !errors.Is(err, errPortTaken) {
			return b, err
		}
	}
}

func start(ctx context.Context, lib, classes string, o Options) (_ *Broker, err error) {
	b := &Broker{options: o, jars: lib, archive: classes, addrs: map[Security]string{}}
	if b.dir, err = os.MkdirTemp("", "kafkatest-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			b.Close()
		}
	}()
	if err := b.prepare(); err != nil {
		return nil, err
	}
	if err := b.format(ctx); err != nil {
		return nil, err
	}
	return b, b.launch(ctx)
}

// prepare chooses the broker's ports and writes its files.
func (b *Broker) prepare() error {
	names := slices.Concat([]Security{plaintext, controller}, b.options.Listeners)
	ports, err := freePorts(len(names))
	if err != nil {
		return err
	}
	for i, name := range names {
		b.addrs[name] = ports[i]
	}
	if slices.ContainsFunc(names, Security.tls) {
		if b.identity, err = newIdentity(); err != nil {
			return fmt.Errorf("making certificates: %w", err)
		}
		if err := b.identity.write(b); err != nil {
			return err
		}
	}
	var id [16]byte
	_, _ = rand.Read(id[:])
	id[0] &= 0x7f // the first letter is none that looks like an option
	b.cluster = base64.RawURLEncoding.EncodeToString(id[:])
	return os.WriteFile(b.path("server.properties"), b.properties(), 0o600)
}

// format makes the broker's data folder, with the users that SCRAM knows.
func (b *Broker) format(ctx context.Context) error {
	args := []string{"kafka.tools.StorageTool", "format", "--cluster-id", b.cluster, "--config", b.path("server.properties")}
	for _, name := range slices.Sorted(maps.Keys(b.options.Users)) {
		for _, mechanism := range scrams() {
			args = append(args, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", mechanism, name, b.options.Users[name]))
		}
	}
	command, err := b.command(quick(), args...)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, formatTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.WaitDelay = b.dir, time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("formatting the broker's storage: %w\n%s", err, tail(out))
	}
	return nil
}

// quick are the arguments of a JVM that is to start fast.
func quick() []string { return []string{"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"} }

// command is a command line that runs a program of Kafka's in a JVM with some arguments.
func (b *Broker) command(jvm []string, args ...string) ([]string, error) {
	program, err := java()
	if err != nil {
		return nil, err
	}
	// The archive of classes holds for one order of the jars only.
	list, err := filepath.Glob(filepath.Join(b.jars, "*.jar"))
	if err != nil {
		return nil, err
	}
	command := []string{program, "-cp", strings.Join(list, string(filepath.ListSeparator)), "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"}
	if info, err := os.Stat(b.archive); err == nil && info.Size() > 0 {
		command = append(command, "-XX:SharedArchiveFile="+b.archive)
	}
	return slices.Concat(command, jvm, args), nil
}

// launch starts the server on what prepare and format left, and waits until it answers.
func (b *Broker) launch(ctx context.Context) error {
	heap := b.options.Heap
	if heap == "" {
		heap = "512m"
	}
	jvm := []string{"-Xmx" + heap}
	if !b.options.Steady {
		jvm = append(jvm, quick()...)
	}
	command, err := b.command(append(jvm, b.options.JVM...), "kafka.Kafka", b.path("server.properties"))
	if err != nil {
		return err
	}
	old, _ := os.Stat(b.path(logFile))
	p, err := launch(b.dir, b.path(logFile), command...)
	if err != nil {
		return err
	}
	if err := b.ready(ctx, p, old); err != nil {
		_ = p.kill()
		return err
	}
	b.running = p
	return nil
}

// logFile is the file in the broker's folder that its output goes to.
const logFile = "broker.log"

// ready waits until the server answers, as this broker and no other that got its port
// before it. What it logged so far is old.
func (b *Broker) ready(ctx context.Context, p *process, old os.FileInfo) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		answer, err := b.describe(ctx)
		if err == nil && answer.ClusterID == b.cluster && len(answer.Brokers) > 0 {
			return nil
		}
		select {
		case <-p.done:
			out := b.output(old)
			if bytes.Contains(out, []byte("Address already in use")) {
				return errPortTaken
			}
			return fmt.Errorf("the broker ended before it was ready: %v\n%s", p.err, tail(out))
		default:
		}
		if pause(ctx, pollTime) != nil {
			return fmt.Errorf("the broker is not ready: %w (last answer: %v)\n%s", context.Cause(ctx), err, tail(b.output(old)))
		}
	}
}

// output is what the server logged last, since a time when its log had the size of old.
func (b *Broker) output(old os.FileInfo) []byte {
	f, err := os.Open(b.path(logFile))
	if err != nil {
		return []byte(err.Error())
	}
	defer f.Close()
	const most = 64 << 10
	from, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return []byte(err.Error())
	}
	from = max(from-most, 0)
	if old != nil {
		from = max(from, old.Size())
	}
	out, _ := io.ReadAll(io.NewSectionReader(f, from, most))
	return out
}

func (b *Broker) path(file string) string { return filepath.Join(b.dir, file) }

// Addr is the host:port of the listener in plain text.
func (b *Broker) Addr() string { return b.addrs[plaintext] }

// AddrOf is the host:port of one of Options.Listeners.
func (b *Broker) AddrOf(s Security) string { return b.addrs[s] }

// Log is the end of what the broker wrote to its log.
func (b *Broker) Log() string { return tail(b.output(nil)) }

// Kill ends the broker as a crash would, without a chance to write anything down.
func (b *Broker) Kill() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.kill()
}

func (b *Broker) kill() error {
	if b.jars == "" {
		return errForeign
	}
	if b.running == nil {
		return nil
	}
	err := b.running.kill()
	b.running = nil
	return err
}

// Stop ends the broker in order, as an operator does.
func (b *Broker) Stop() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.jars == "" {
		return errForeign
	}
	if b.running == nil {
		return nil
	}
	if err := b.running.terminate(); err != nil {
		return err
	}
	timer := time.NewTimer(stopTime)
	defer timer.Stop()
	select {
	case <-b.running.done:
		b.running = nil
		return nil
	case <-timer.C:
		return errors.Join(fmt.Errorf("the broker did not stop within %v\n%s", stopTime, b.Log()), b.kill())
	}
}

// Restart starts the broker again, on the same ports and with its data, and waits until it
// answers. One that still runs is killed first.
func (b *Broker) Restart(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return errClosed
	}
	if err := b.kill(); err != nil {
		return err
	}
	for n := 1; ; n++ {
		err := b.launch(ctx)
		if err == nil || n == clashes || !errors.Is(err, errPortTaken) {
			return err
		}
	}
}

// Done is closed when the broker that runs now has ended, for whatever reason.
func (b *Broker) Done() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running != nil {
		return b.running.done
	}
	ended := make(chan struct{})
	close(ended)
	return ended
}

// Close kills the broker and removes its data. It may be called twice.
func (b *Broker) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.jars == "" || b.closed {
		return nil
	}
	b.closed = true
	return errors.Join(b.kill(), os.RemoveAll(b.dir))
}
