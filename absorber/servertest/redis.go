package servertest

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// RedisServer is a running Redis or Valkey that belongs to one test.
type RedisServer struct {
	Addr string // "127.0.0.1:port"

	tb     testing.TB
	server *process
}

// Redis starts Debian's redis-server with an append-only file (fsync every
// second; a kill of the process loses nothing) and no snapshots. args are
// appended to its arguments and win over ours: "--appendonly", "no". It ends
// with the test.
func Redis(tb testing.TB, args ...string) *RedisServer {
	tb.Helper()
	needReal(tb, "Redis")
	path, err := executable("redis-server", "apt-get install redis-server, or run .ci/setup")
	if err != nil {
		tb.Fatal(err)
	}
	return redisServer(tb, "", path, args)
}

// Redis8 is Redis with the redis-server 8 of Debian sid.
func Redis8(tb testing.TB, args ...string) *RedisServer {
	tb.Helper()
	return sidRedis(tb, "Redis 8", "/usr/bin/redis-server", args)
}

// Valkey is Redis with the valkey-server of Debian sid.
func Valkey(tb testing.TB, args ...string) *RedisServer {
	tb.Helper()
	return sidRedis(tb, "Valkey", "/usr/bin/valkey-server", args)
}

// sidRedis starts a server of the chroot.
func sidRedis(tb testing.TB, what, path string, args []string) *RedisServer {
	tb.Helper()
	needReal(tb, what)
	root, err := chroot(path)
	if err != nil {
		tb.Fatal(err)
	}
	return redisServer(tb, root, path, args)
}

// redisServer starts path, in the chroot root unless that is empty, and ends
// it with the test.
func redisServer(tb testing.TB, root, path string, args []string) *RedisServer {
	tb.Helper()
	return ended(tb, func() (*RedisServer, error) { return startRedis(root, path, args) })
}

// ended starts a server and ends it with the test.
func ended(tb testing.TB, start func() (*RedisServer, error)) *RedisServer {
	tb.Helper()
	r, err := attempts(start)
	if err != nil {
		tb.Fatal(err)
	}
	r.tb = tb
	tb.Cleanup(func() {
		r.server.kill()
		if err := r.server.dir.remove(); err != nil {
			tb.Errorf("remove the folder of redis: %v", err)
		}
	})
	return r
}

// startRedis runs one server on a free port.
func startRedis(root, path string, args []string) (*RedisServer, error) {
	parent := os.TempDir()
	if root != "" {
		parent = filepath.Join(root, "tmp")
	}
	dir, err := newFolder(parent)
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	r := &RedisServer{Addr: fmt.Sprintf("127.0.0.1:%d", port)}
	all := append([]string{
		"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", dir.path[len(root):],
		"--save", "", "--appendonly", "yes", "--appendfsync", "everysec",
	}, args...)
	r.server = &process{name: filepath.Base(path), path: path, args: all, chroot: root, dir: dir, ready: r.ping}
	return r, r.server.start()
}

// ping asks for PONG by hand: while it loads its file, or wants a password,
// the server answers with an error, and only the former is not ready.
func (r *RedisServer) ping() error {
	c, err := net.DialTimeout("tcp", r.Addr, time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if _, err := c.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return err
	}
	if strings.HasPrefix(line, "+PONG") || strings.HasPrefix(line, "-NOAUTH") {
		return nil
	}
	return errors.New(strings.TrimSpace(line))
}

// Dir is the server's data folder as the test sees it.
func (r *RedisServer) Dir() string { return r.server.dir.path }

// Kill ends the server with SIGKILL, as a crash would.
func (r *RedisServer) Kill() { r.server.kill() }

// Restart starts a killed server again with the same port, folder and
// arguments, and returns when it has loaded its file.
func (r *RedisServer) Restart() {
	r.tb.Helper()
	if err := r.server.start(); err != nil {
		r.tb.Fatal(err)
	}
}

// Freeze stops the server without closing its connections; Thaw lets it go on.
func (r *RedisServer) Freeze() { sendSignal(r.tb, r.server, syscall.SIGSTOP) }

// Thaw ends a Freeze.
func (r *RedisServer) Thaw() { sendSignal(r.tb, r.server, syscall.SIGCONT) }
