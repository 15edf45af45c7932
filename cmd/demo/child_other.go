//go:build !linux

package main

import "syscall"

// childAttributes has nothing to offer here: a demo that is killed leaves its
// database behind.
func childAttributes() *syscall.SysProcAttr { return nil }
