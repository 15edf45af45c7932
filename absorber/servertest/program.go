package servertest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// programFolder holds the built product until the test binary ends: a folder
// that nobody refers to any more is removed.
var programFolder *folder

// program builds the product once for the test binary.
var program = sync.OnceValues(func() (string, error) {
	dir, err := newFolder(os.TempDir())
	if err != nil {
		return "", err
	}
	programFolder = dir
	path := filepath.Join(dir.path, "shockabsorber")
	out, err := exec.Command("go", "build", "-o", path, "github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build shockabsorber: %w\n%s", err, out)
	}
	return path, nil
})

// Program is the path of the product's binary, built from the sources that
// are tested.
func Program(tb testing.TB) string {
	tb.Helper()
	path, err := program()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// FreeAddr is an address of 127.0.0.1 on which nobody listens.
func FreeAddr(tb testing.TB) string {
	tb.Helper()
	port, err := freePort()
	if err != nil {
		tb.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// Daemon is the product as a process of its own: a proxy or a drainer, which a
// test kills and starts again as a service manager would.
type Daemon struct {
	Addr string // where it must accept connections to count as ready

	tb     testing.TB
	server *process
}

// StartDaemon runs the product with these arguments and returns when addr
// accepts connections. It ends with the test.
func StartDaemon(tb testing.TB, addr string, args ...string) *Daemon {
	tb.Helper()
	path := Program(tb)
	dir, err := newFolder(os.TempDir())
	if err != nil {
		tb.Fatal(err)
	}
	d := &Daemon{Addr: addr, tb: tb}
	d.server = &process{name: "shockabsorber " + args[0], path: path, args: args, dir: dir, ready: d.ping}
	tb.Cleanup(func() {
		d.server.kill()
		if tb.Failed() {
			tb.Logf("the end of the log of shockabsorber %s at %s:\n%s", args[0], addr, d.Log(64<<10))
		}
		if err := dir.remove(); err != nil {
			tb.Errorf("remove the folder of shockabsorber: %v", err)
		}
	})
	if err := d.server.start(); err != nil {
		tb.Fatal(err)
	}
	return d
}

// ping asks for a connection.
func (d *Daemon) ping() error {
	c, err := net.DialTimeout("tcp", d.Addr, time.Second)
	if err != nil {
		return err
	}
	return c.Close()
}

// Pid is the process that runs now, or ran last.
func (d *Daemon) Pid() int {
	d.server.mu.Lock()
	defer d.server.mu.Unlock()
	return d.server.cmd.Process.Pid
}

// Running reports whether the process has not ended by itself.
func (d *Daemon) Running() bool {
	d.server.mu.Lock()
	defer d.server.mu.Unlock()
	select {
	case <-d.server.done:
		return false
	default:
		return true
	}
}

// Kill is kill -9.
func (d *Daemon) Kill() { d.server.kill() }

// Restart starts it again, and again while it ends because MySQL, Redis or
// Kafka is away, until limit has passed.
func (d *Daemon) Restart(limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for {
		err := d.server.start()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		<-time.After(200 * time.Millisecond)
	}
}

// Freeze stops it without closing its connections; Thaw lets it go on.
func (d *Daemon) Freeze() { sendSignal(d.tb, d.server, syscall.SIGSTOP) }

// Thaw ends a Freeze.
func (d *Daemon) Thaw() { sendSignal(d.tb, d.server, syscall.SIGCONT) }

// Log is the last n bytes of what it has written.
func (d *Daemon) Log(n int) string {
	b, err := os.ReadFile(filepath.Join(d.server.dir.path, "server.log"))
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-n):])
}
