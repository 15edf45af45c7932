//go:build unix

package proxy

import (
	"errors"
	"net"
	"syscall"
)

// peek looks at a socket's input without taking anything from it and without
// waiting. first is the first byte of data.
func peek(nc net.Conn) (result peekResult, first byte) {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return peekNothing, 0
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return peekClosed, 0
	}
	var b [1]byte
	var n int
	var rerr error
	err = rc.Control(func(fd uintptr) {
		for {
			n, _, rerr = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
			if !errors.Is(rerr, syscall.EINTR) {
				return
			}
		}
	})
	switch {
	case err != nil:
		return peekClosed, 0
	case errors.Is(rerr, syscall.EAGAIN):
		return peekNothing, 0
	case rerr != nil || n == 0:
		return peekClosed, 0
	}
	return peekData, b[0]
}
