package main

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// child is a server process of the demo.
type child struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has ended
}

// childGrace is how long a server may take to stop in order.
const childGrace = 10 * time.Second

// startChild starts a program with its output in a file. It dies with this
// process where the system can do that (see child_linux.go), which there means
// "with the thread that started it": so that thread waits for it.
func startChild(program string, args []string, logPath string) (*child, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = childAttributes()
	c := &child{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error, 1)
	go func() { // ends with the child; stop waits for it
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(c.ended)
		defer log.Close()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ends does not matter, that it ended does
		}
	}()
	return c, <-started
}

// stop ends the process: in order, or by force if that takes too long.
func (c *child) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	timer := time.NewTimer(childGrace)
	defer timer.Stop()
	select {
	case <-c.ended:
	case <-timer.C:
		_ = c.cmd.Process.Kill()
		<-c.ended
	}
}
