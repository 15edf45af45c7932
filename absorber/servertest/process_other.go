//go:build !linux

package servertest

import "syscall"

// attributes are those of a server, as on Linux but for the signal at the test
// binary's death, which only Linux has: a test that crashes elsewhere leaves
// its servers behind.
func attributes(chroot string) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Chroot: chroot, Setpgid: true}
}
