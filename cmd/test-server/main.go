package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
	"golang.org/x/sync/errgroup"
)

// startTimeout bounds the first contact with the database, stopTimeout how
// long running requests may take after a signal.
const (
	startTimeout = 30 * time.Second
	stopTimeout  = 10 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "test-server:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, log io.Writer) error {
	flags := flag.NewFlagSet("test-server", flag.ContinueOnError)
	dsn := flags.String("dsn", "", "`user:password@tcp(host:port)/database` of MySQL or of the proxy (or the variable TEST_SERVER_DSN)")
	listen := flags.String("listen", "127.0.0.1:8081", "`host:port` to listen on")
	connections := flags.Int("connections", 50, "database connections")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *dsn == "" {
		*dsn = os.Getenv("TEST_SERVER_DSN")
	}
	db, err := open(*dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(*connections)
	db.SetMaxIdleConns(*connections)
	logger := slog.New(slog.NewTextHandler(log, nil))
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	store := &store{db: db}
	if err := store.create(starting); err != nil {
		return err
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	logger.Info("listening", "address", l.Addr().String())
	return serve(ctx, l, newHandler(store, logger))
}

// open opens a DSN without connecting. Its error does not show the DSN, which
// holds a password.
func open(dsn string) (*sql.DB, error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil || cfg.DBName == "" {
		return nil, errors.New("--dsn must look like user:password@tcp(host:port)/database")
	}
	cfg.ParseTime = true
	conn, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, errors.New("--dsn must look like user:password@tcp(host:port)/database")
	}
	return sql.OpenDB(conn), nil
}

// serve answers requests until ctx ends, then lets running ones finish.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		return server.Shutdown(stop)
	})
	return g.Wait()
}
