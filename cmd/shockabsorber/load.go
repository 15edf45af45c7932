package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/spike"
)

// load sends a spike, follows it to MySQL and fails if a row is lost.
func load(ctx context.Context, c *call) error {
	cfg := spike.Config{}
	dsn := c.flags.String("dsn", "", "where the application connects, `user:password@tcp(host:port)/db`: the proxy")
	direct := c.flags.String("direct-dsn", "", "the same of MySQL itself: count and compare the rows there")
	c.flags.Float64Var(&cfg.Rate, "rps", 0, "rows per second")
	c.flags.DurationVar(&cfg.Duration, "duration", 0, "how long to send, such as 10s")
	c.flags.StringVar(&cfg.Table, "table", "payments", "table to insert into; created if absent")
	c.flags.IntVar(&cfg.Connections, "connections", 32, "connections that insert at the same time")
	c.flags.IntVar(&cfg.Batch, "batch", 1, "rows per INSERT")
	c.flags.DurationVar(&cfg.Watch, "watch", time.Second, "how often MySQL is asked; 200ms or less also measures the highest rate")
	c.flags.DurationVar(&cfg.Stall, "stall", time.Minute, "give up when nothing has reached MySQL for so long")
	client := adminFlags(c, "")
	if err := c.parse(); err != nil {
		return err
	}
	var err error
	if cfg.Proxy, err = openDSN("--dsn", *dsn); err != nil {
		return err
	}
	defer cfg.Proxy.Close()
	if *direct != "" {
		if cfg.Direct, err = openDSN("--direct-dsn", *direct); err != nil {
			return err
		}
		defer cfg.Direct.Close()
	}
	if f := c.flags.Lookup("admin"); f.Value.String() != "" {
		a, err := client()
		if err != nil {
			return err
		}
		cfg.Backlog = a.backlog
	}
	if cfg.Run, err = newRun(); err != nil {
		return err
	}
	if err := cfg.Defaults(); err != nil {
		return usagef("%v", err)
	}
	cfg.Progress = func(p spike.Progress) { fmt.Fprintln(c.stdout, p) }
	fmt.Fprintf(c.stdout, "run %s: table %s, %v rows/s for %v, %d rows per INSERT, %d connections\n",
		cfg.Run, cfg.Table, cfg.Rate, cfg.Duration, cfg.Batch, cfg.Connections)
	if cfg.Direct == nil && cfg.Backlog == nil {
		fmt.Fprintln(c.stdout, "neither --direct-dsn nor --admin is given: the rows are not followed to MySQL")
	}
	rep, err := spike.Run(ctx, cfg)
	if rep.Accepted+rep.Failed > 0 {
		rep.Print(c.stdout)
	}
	if err != nil {
		return err
	}
	if !rep.OK() {
		return fmt.Errorf("%d lost, %d wrong, %d stale, %d failed of %d rows", rep.Lost, rep.Wrong, rep.Stale, rep.Failed, rep.Rows)
	}
	return nil
}

// openDSN opens a DSN of the Go driver. Values come back as the text MySQL
// sends, since that is what is compared. Its errors never show the DSN, which
// holds a password.
func openDSN(name, dsn string) (*sql.DB, error) {
	if dsn == "" {
		return nil, usagef("%s is missing", name)
	}
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil || cfg.DBName == "" {
		return nil, usagef("%s must look like user:password@tcp(host:port)/database", name)
	}
	cfg.ParseTime = false
	conn, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, usagef("%s must look like user:password@tcp(host:port)/database", name)
	}
	return sql.OpenDB(conn), nil
}

// newRun makes the name of a run.
func newRun() (string, error) {
	var b [6]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("name the run: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}
