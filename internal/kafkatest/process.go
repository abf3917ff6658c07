package kafkatest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// watchdog becomes the program that its arguments name (after the first, a folder), and
// leaves a child behind that reads from the pipe that is its standard input. We hold the
// other end. A line says that the program has ended and been waited for; the pipe's end
// without a line says that we are gone: then the program is killed and the folder, which
// nobody will read any more, removed. It works for every way in which a process can end,
// and for every Unix.
const watchdog = `
dir=$1
shift
exec 3<&0
(
	read -r word <&3 && exit 0
	kill -KILL "$$"
	n=0
	while [ $n -lt 50 ] && kill -0 "$$"; do sleep 0.1; n=$((n + 1)); done
	rm -rf -- "$dir"
) </dev/null >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-
`

// process is a program that does not outlive ours.
type process struct {
	cmd  *exec.Cmd
	hold *os.File      // our end of the watchdog's pipe
	done chan struct{} // closed when the program has ended
	err  error         // how it ended; read it after done
}

// launch starts a program in the folder dir, its output appended to the file log. If we
// die, dir goes with the program.
func launch(dir, log string, args ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	p := &process{hold: w, done: make(chan struct{})}
	p.cmd = exec.Command("sh", append([]string{"-c", watchdog, "sh", dir}, args...)...)
	p.cmd.Dir, p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = dir, r, out, out
	p.cmd.SysProcAttr = ownGroup()
	if err := p.cmd.Start(); err != nil {
		w.Close()
		return nil, fmt.Errorf("starting the broker: %w", err)
	}
	go p.wait()
	return p, nil
}

// wait ends with the program.
func (p *process) wait() {
	p.err = p.cmd.Wait()
	_, _ = p.hold.WriteString("ended\n") // the watchdog ends, or is gone
	p.hold.Close()
	close(p.done)
}

// kill ends the program as a power failure would, and waits until it has ended.
func (p *process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.done
	return nil
}

// terminate asks the program to end; done tells when it has.
func (p *process) terminate() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}
