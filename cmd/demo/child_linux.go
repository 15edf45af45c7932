package main

import "syscall"

// childAttributes let the child die with this process, however that ends, and
// keep ^C in the terminal from reaching it before the proxy has stopped.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
