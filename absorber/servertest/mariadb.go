package servertest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// mariaServer is the binary's MariaDB.
var mariaServer shared[*DB]

// MariaDB returns the test binary's MariaDB server.
func MariaDB(tb testing.TB) *DB {
	tb.Helper()
	return mariaServer.get(tb, "MariaDB", func() (*DB, error) { return attempts(func() (*DB, error) { return startMariaDB() }) })
}

// OwnMariaDB starts a MariaDB that belongs to one test. args are appended to its
// arguments and win over ours.
func OwnMariaDB(tb testing.TB, args ...string) *DB {
	tb.Helper()
	needReal(tb, "MariaDB")
	db, err := attempts(func() (*DB, error) { return startMariaDB(args...) })
	if err != nil {
		tb.Fatal(err)
	}
	db.endWith(tb)
	return db
}

// endWith kills the server and removes its folder when the test ends.
func (db *DB) endWith(tb testing.TB) {
	tb.Cleanup(func() {
		db.server.kill()
		if err := db.server.dir.remove(); err != nil {
			tb.Errorf("remove the folder of %s: %v", db.server.name, err)
		}
	})
}

// startMariaDB copies the template and runs mariadbd on it.
func startMariaDB(args ...string) (*DB, error) {
	const install = "apt-get install mariadb-server, or run .ci/setup"
	daemon, err := executable("mariadbd", install)
	if err != nil {
		return nil, err
	}
	installer, err := executable("mariadb-install-db", install)
	if err != nil {
		return nil, err
	}
	made, err := template(os.TempDir(), "mariadb-"+version(daemon), func(dir string) error {
		return run("", installer, append(asRoot(), "--no-defaults", "--datadir="+dir, "--skip-test-db", "--auth-root-authentication-method=normal")...)
	})
	if err != nil {
		return nil, err
	}
	dir, err := newFolder(os.TempDir())
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir.path, "data")
	if err := copyTree(made, data); err != nil {
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
	return runMariaDB(daemon, dir, data, initFile, port, args...)
}

// Copy starts another MariaDB on a copy of the data of this one, which must have
// been killed: a standby that has every transaction up to then. It ends with
// the test.
func (db *DB) Copy(tb testing.TB) *DB {
	tb.Helper()
	c, err := attempts(func() (*DB, error) { return startCopy(db) })
	if err != nil {
		tb.Fatal(err)
	}
	c.endWith(tb)
	return c
}

// startCopy copies the data folder and runs mariadbd on it.
func startCopy(db *DB) (*DB, error) {
	dir, err := newFolder(os.TempDir())
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir.path, "data")
	if err := copyTree(filepath.Join(db.server.dir.path, "data"), data); err != nil {
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
	return runMariaDB(db.server.path, dir, data, initFile, port)
}

// runMariaDB runs mariadbd on a data folder.
func runMariaDB(daemon string, dir *folder, data, initFile string, port int, more ...string) (*DB, error) {
	db := newDB(port, filepath.Join(dir.path, "s.sock"))
	args := append(databaseFlags(port, data, db.Socket, initFile), asRoot()...)
	// What Debian's own configuration file sets; the compiled-in default is latin1.
	args = append(append(args, "--collation-server=utf8mb4_general_ci"), more...)
	db.server = &process{name: "mariadbd", path: daemon, args: args, dir: dir, ready: db.ping}
	return db, db.server.start()
}

// asRoot lets a database server run as root, which it refuses by default.
func asRoot() []string {
	if os.Geteuid() != 0 {
		return nil
	}
	return []string{"--user=root"}
}

// notName matches what may not stand in a file's name.
var notName = regexp.MustCompile(`[^A-Za-z0-9.]+`)

// version is what `daemon --version` prints, as part of a file's name.
func version(daemon string) string {
	out, err := exec.Command(daemon, "--version").Output()
	if err != nil {
		// Still a usable name; the start that follows will say what is wrong.
		return "unknown"
	}
	return nameOf(out)
}

// nameOf keeps of a version line what a file's name may hold.
func nameOf(line []byte) string {
	name := notName.ReplaceAllString(filepath.Base(string(line)), "-")
	return name[:min(len(name), 60)]
}
