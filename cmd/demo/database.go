package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// databaseServer is the demo's MySQL.
type databaseServer struct {
	what string // for people
	addr string // host:port
	stop func()
}

// startTimeout bounds the start of a real server on a slow machine.
const startTimeout = 2 * time.Minute

// startDatabase starts the server that program names, or else the first of
// mariadbd and mysqld on PATH that starts, or else the stand-in. It has the
// database and the user of the demo when this returns.
func startDatabase(ctx context.Context, dir, program string) (*databaseServer, error) {
	if program == "memory" {
		return startMemory()
	}
	if program != "" {
		return startReal(ctx, dir, program)
	}
	why := "" // those that are there do not serve
	for _, name := range []string{"mariadbd", "mysqld"} {
		for _, place := range []string{name, "/usr/sbin/" + name} { // often not on the PATH of a user
			path, err := exec.LookPath(place)
			if err != nil {
				continue
			}
			db, err := startReal(ctx, filepath.Join(dir, name), path)
			if err == nil || ctx.Err() != nil {
				return db, err
			}
			why += fmt.Sprintf("; %s does not start: %v", path, err)
			break
		}
	}
	db, err := startMemory()
	if err == nil {
		db.what += why
	}
	return db, err
}

// startReal starts a private server with its data in dir.
func startReal(ctx context.Context, dir, program string) (*databaseServer, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	version, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("ask %s for its version: %w", program, err)
	}
	data := filepath.Join(dir, "data")
	initialize := mysqlInit(program, data)
	if strings.Contains(string(version), "MariaDB") {
		initialize = mariadbInit(data)
	}
	if out, err := exec.CommandContext(ctx, initialize[0], asRoot(initialize[1:])...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make a data directory with %s: %w\n%s", initialize[0], err, out)
	}
	setup := filepath.Join(dir, "setup.sql")
	if err := os.WriteFile(setup, []byte(setupSQL), 0o600); err != nil {
		return nil, err
	}
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	host, number := splitAddress(addr)
	logPath := filepath.Join(dir, "mysql.log")
	args := asRoot([]string{
		"--no-defaults", "--datadir=" + data, "--socket=" + filepath.Join(dir, "s"), "--pid-file=" + filepath.Join(dir, "pid"),
		"--bind-address=" + host, fmt.Sprintf("--port=%d", number), "--init-file=" + setup,
		"--max-connections=500", "--innodb-buffer-pool-size=64M",
	})
	child, err := startChild(program, args, logPath)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	if err := waitReady(ctx, addr, child); err != nil {
		child.stop()
		log, _ := os.ReadFile(logPath) // only to explain the error
		return nil, fmt.Errorf("%s does not answer: %w\n%s", program, err, log)
	}
	return &databaseServer{what: strings.TrimSpace(string(version)), addr: addr, stop: child.stop}, nil
}

// setupSQL makes the demo's database and user. One statement per line, as
// --init-file wants it. The proxy's own login needs rights beyond the demo's
// database: it keeps its checkpoint in a schema of its own.
const setupSQL = `CREATE DATABASE IF NOT EXISTS ` + database + `;
CREATE USER IF NOT EXISTS '` + user + `'@'%' IDENTIFIED BY '` + password + `';
CREATE USER IF NOT EXISTS '` + user + `'@'localhost' IDENTIFIED BY '` + password + `';
GRANT ALL ON *.* TO '` + user + `'@'%';
GRANT ALL ON *.* TO '` + user + `'@'localhost';
`

// mariadbInit is the command that makes a data directory for MariaDB.
func mariadbInit(data string) []string {
	return []string{"mariadb-install-db", "--no-defaults", "--datadir=" + data, "--auth-root-authentication-method=normal", "--skip-test-db"}
}

// mysqlInit is the command that makes a data directory for MySQL.
func mysqlInit(program, data string) []string {
	return []string{program, "--no-defaults", "--initialize-insecure", "--datadir=" + data}
}

// asRoot adds what a server wants to hear before it runs as root.
func asRoot(args []string) []string {
	if os.Geteuid() == 0 {
		return append(args, "--user=root")
	}
	return args
}

// freeAddress finds a port that is free now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// waitReady waits until the demo's login works.
func waitReady(ctx context.Context, addr string, c *child) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	db, err := sql.Open("mysql", dsn(addr))
	if err != nil {
		return err
	}
	defer db.Close()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if err = db.PingContext(ctx); err == nil {
			return nil
		}
		select {
		case <-c.ended:
			return errors.New("it has ended")
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-tick.C:
		}
	}
}
