package servertest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// Variables of the environment that this package reads.
const (
	envReal  = "SHOCK_ABSORBER_REAL"
	envSid   = "SHOCK_ABSORBER_SID"
	envKafka = "SHOCK_ABSORBER_KAFKA"
)

// needReal skips the test unless real servers are asked for.
func needReal(tb testing.TB, what string) {
	tb.Helper()
	if os.Getenv(envReal) != "1" {
		tb.Skipf("needs a real %s: set %s=1 (and run .ci/setup once)", what, envReal)
	}
}

// shared is a server that all tests of one binary use. It is started by the
// first that asks, and its failure is reported to each.
type shared[T any] struct {
	once  sync.Once
	value T
	err   error
}

// get returns the server, starting it if need be.
func (s *shared[T]) get(tb testing.TB, what string, start func() (T, error)) T {
	tb.Helper()
	needReal(tb, what)
	s.once.Do(func() { s.value, s.err = start() })
	if s.err != nil {
		tb.Fatalf("%s: %v", what, s.err)
	}
	return s.value
}

// executable finds a program on PATH or in the sbin folders, which are not on
// an ordinary user's PATH.
func executable(name, install string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed: %s", name, install)
}

// chroot returns the folder of the Debian sid chroot after checking that
// program is in it and that we may enter it.
func chroot(program string) (string, error) {
	root := os.Getenv(envSid)
	if root == "" {
		root = "/var/cache/shock-absorber/sid"
	}
	if _, err := os.Stat(filepath.Join(root, program)); err != nil {
		return "", fmt.Errorf("no %s in the chroot %s: run .ci/setup, or set %s", program, root, envSid)
	}
	if os.Geteuid() != 0 {
		return "", fmt.Errorf("%s runs in the chroot %s, which needs root: run the tests with sudo -E", program, root)
	}
	return root, nil
}

// freePort finds a port nobody listens on. It stays below the range from which
// the kernel gives ports to outgoing connections, so that a server can come
// back to its port after a kill.
func freePort() (int, error) {
	var last error
	for range 100 {
		port := 10240 + rand.IntN(32768-10240)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			last = err
			continue
		}
		return port, l.Close()
	}
	return 0, fmt.Errorf("find a free port: %w", last)
}

// attempts runs start up to three times: two test binaries may pick the same
// free port at the same moment, and then one of the servers cannot start.
func attempts[T any](start func() (T, error)) (value T, err error) {
	for range 3 {
		if value, err = start(); err == nil {
			return value, nil
		}
	}
	return value, err
}

// template returns a data folder made by build, building it if this machine
// has none yet. It is kept between runs, under a name that holds what it was
// made of (program and version).
func template(parent, name string, build func(dir string) error) (string, error) {
	base := filepath.Join(parent, fmt.Sprintf("shock-absorber-templates-%d", os.Getuid()))
	if err := os.MkdirAll(base, 0o700); err != nil {
		return "", fmt.Errorf("make the template folder: %w", err)
	}
	// Test binaries run side by side: one builds, the others wait.
	lock, err := os.OpenFile(filepath.Join(base, name+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", fmt.Errorf("lock the template %s: %w", name, err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("lock the template %s: %w", name, err)
	}
	final := filepath.Join(base, name)
	if _, err := os.Stat(final); err == nil {
		return final, nil
	}
	// Renamed only when whole, so a build that died half way is never used.
	half := final + ".building"
	if err := os.RemoveAll(half); err != nil {
		return "", fmt.Errorf("clear %s: %w", half, err)
	}
	if err := build(half); err != nil {
		return "", fmt.Errorf("build the template %s: %w", name, err)
	}
	if err := os.Rename(half, final); err != nil {
		return "", fmt.Errorf("name the template %s: %w", name, err)
	}
	return final, nil
}

// copyTree copies a template to a place that does not exist yet, owners,
// modes and all.
func copyTree(from, to string) error {
	out, err := exec.Command("cp", "-a", "--reflink=auto", from, to).CombinedOutput()
	if err != nil {
		return fmt.Errorf("copy %s: %w: %s", from, err, out)
	}
	return nil
}

// run executes a set-up command, inside root if that is not empty, and puts
// the end of its output into the error.
func run(root, path string, args ...string) error {
	cmd := exec.Command(path, args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("run %s: %w: %s", filepath.Base(path), err, out[max(0, len(out)-2048):])
	}
	return nil
}
