package servertest

import "syscall"

// attributes are those of a server: in the chroot, unless that is empty; in a
// process group of its own, since Ctrl-C ends the test binary, which ends the
// server; killed by the kernel when the test binary is gone.
func attributes(chroot string) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Chroot: chroot, Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
