package servertest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// startLimit is how long a server may take until it answers. A busy machine
// with two cores starts MySQL in 3 s when alone.
const startLimit = 120 * time.Second

// process is one server: what to run, and the run itself. Start, kill and
// start again use the same folder and arguments.
type process struct {
	name   string
	path   string // of the executable, inside chroot if there is one
	args   []string
	chroot string
	dir    *folder
	ready  func() error // nil once the server answers

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{} // closed when the child has been waited for
}

// start runs the server and returns once it is ready.
func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	logPath := filepath.Join(p.dir.path, "server.log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	defer log.Close()
	p.cmd = exec.Command(p.path, p.args...)
	p.cmd.Dir = "/"
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = attributes(p.chroot)
	p.done = make(chan struct{})
	started := make(chan error)
	go runChild(p.cmd, started, p.done)
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	if err := p.await(); err != nil {
		p.stop(syscall.SIGKILL)
		return fmt.Errorf("start %s: %w; the end of its log:\n%s", p.name, err, tail(logPath))
	}
	return nil
}

// runChild starts cmd and waits for its end on one thread: Linux sends the
// parent-death signal when the thread that forked ends, not the process, so
// that thread must live as long as the child.
func runChild(cmd *exec.Cmd, started chan<- error, done chan<- struct{}) {
	runtime.LockOSThread()
	err := cmd.Start()
	started <- err
	if err == nil {
		// The exit status of a server that was killed says nothing.
		_ = cmd.Wait()
	}
	close(done)
}

// await polls ready until it is content, the child ends or startLimit passes.
func (p *process) await() error {
	deadline := time.Now().Add(startLimit)
	for {
		err := p.ready()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return errors.New("it ended at once")
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not ready after %v: %w", startLimit, err)
		}
	}
}

// kill ends the server as a crash would and returns when it is gone. A server
// that has ended already is left alone.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop(syscall.SIGKILL)
}

// stop sends sig and waits for the end. The caller holds mu.
func (p *process) stop(sig syscall.Signal) {
	if p.cmd == nil || p.cmd.Process == nil {
		return
	}
	// The only failure is "already finished".
	_ = p.cmd.Process.Signal(sig)
	<-p.done
}

// signal sends a signal that does not end the server. SIGSTOP freezes it with
// its connections open: a network that swallows packets, to a client.
func (p *process) signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.Process.Signal(sig)
}

// tail returns the last 2 KiB of a log, for a failure's message.
func tail(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-2048):])
}

// folder is a temporary directory that is removed when the test binary ends.
type folder struct {
	path   string
	reaper *exec.Cmd
	alive  io.WriteCloser // closed, by us or by our death, it lets the reaper work
}

// newFolder makes a folder in parent.
func newFolder(parent string) (*folder, error) {
	path, err := os.MkdirTemp(parent, "sa-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for a server: %w", err)
	}
	// Servers are killed by the kernel as we die; give them a moment so that
	// none of them writes a file into a folder just emptied.
	reaper := exec.Command("/bin/sh", "-c", `cat >/dev/null; rm -rf -- "$1" || { sleep 1; rm -rf -- "$1"; }`, "sh", path)
	reaper.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	alive, err := reaper.StdinPipe()
	if err == nil {
		err = reaper.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the reaper of %s: %w", path, err), os.RemoveAll(path))
	}
	return &folder{path: path, reaper: reaper, alive: alive}, nil
}

// remove deletes the folder now.
func (f *folder) remove() error {
	if err := f.alive.Close(); err != nil {
		return err
	}
	return f.reaper.Wait()
}
