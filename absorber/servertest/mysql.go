package servertest

import (
	"os"
	"path/filepath"
	"testing"
)

// mysqlServer is the binary's MySQL.
var mysqlServer shared[*DB]

// mysqldPath is the daemon inside the chroot.
const mysqldPath = "/usr/sbin/mysqld"

// MySQL returns the test binary's MySQL server, version 9 from Debian sid.
// Its accounts use caching_sha2_password; it has no mysql_native_password.
func MySQL(tb testing.TB) *DB {
	tb.Helper()
	return mysqlServer.get(tb, "MySQL", func() (*DB, error) { return attempts(startMySQL) })
}

// startMySQL copies the template and runs mysqld on it, inside the chroot:
// paths given to the server start at root, ours outside of it do not.
func startMySQL() (*DB, error) {
	root, err := chroot(mysqldPath)
	if err != nil {
		return nil, err
	}
	tmp := filepath.Join(root, "tmp")
	inside := func(path string) string { return path[len(root):] }
	made, err := template(tmp, "mysql-"+stamp(filepath.Join(root, mysqldPath)), func(dir string) error {
		return run(root, mysqldPath, "--no-defaults", "--initialize-insecure", "--user=root", "--secure-file-priv=", "--datadir="+inside(dir))
	})
	if err != nil {
		return nil, err
	}
	dir, err := newFolder(tmp)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir.path, "data")
	if err := copyTree(made, data); err != nil {
		return nil, err
	}
	// A server id of its own, or replication would take two copies for one.
	if err := os.Remove(filepath.Join(data, "auto.cnf")); err != nil {
		return nil, err
	}
	initFile, err := writeAccounts(dir.path)
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	db := newDB(port, filepath.Join(dir.path, "s.sock"))
	args := append(databaseFlags(port, inside(data), inside(db.Socket), inside(initFile)), "--user=root", "--mysqlx=OFF")
	db.server = &process{name: "mysqld", path: mysqldPath, args: args, chroot: root, dir: dir, ready: db.ping}
	return db, db.server.start()
}

// stamp names a version of a file by its time of change: asking a binary of
// the chroot for its version would need the chroot once more.
func stamp(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return "unknown"
	}
	return info.ModTime().UTC().Format("20060102150405")
}
