package servertest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Sentinel starts a Redis Sentinel that watches the master at addr under a
// name, and alone decides that it is down after a second. It ends with the test.
func Sentinel(tb testing.TB, name, addr string) *RedisServer {
	tb.Helper()
	needReal(tb, "Redis Sentinel")
	path, err := executable("redis-server", "apt-get install redis-server, or run .ci/setup")
	if err != nil {
		tb.Fatal(err)
	}
	return ended(tb, func() (*RedisServer, error) { return startSentinel(path, name, addr) })
}

// startSentinel runs one Sentinel on a free port. It writes down what it learns
// in its configuration.
func startSentinel(path, name, addr string) (*RedisServer, error) {
	var port int
	if _, err := fmt.Sscanf(addr, "127.0.0.1:%d", &port); err != nil {
		return nil, fmt.Errorf("the master's address %q: %w", addr, err)
	}
	dir, err := newFolder(os.TempDir())
	if err != nil {
		return nil, err
	}
	own, err := freePort()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir.path, "sentinel.conf")
	text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nsentinel monitor %s 127.0.0.1 %d 1\n"+
		"sentinel down-after-milliseconds %[3]s 1000\nsentinel failover-timeout %[3]s 5000\n", own, dir.path, name, port)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	r := &RedisServer{Addr: fmt.Sprintf("127.0.0.1:%d", own)}
	r.server = &process{name: "sentinel", path: path, args: []string{file, "--sentinel"}, dir: dir, ready: r.ping}
	return r, r.server.start()
}
