package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// settings are the flags.
type settings struct {
	rate, drain float64
	duration    time.Duration
	once        bool
	listen      string
	mysqld      string
	verbose     bool
}

// errUnequal says that a row was lost, changed or refused.
var errUnequal = errors.New("not every row arrived unchanged")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, context.Canceled):
		os.Exit(130)
	default:
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run parses the flags and runs the demo.
func run(ctx context.Context, args []string, out io.Writer) error {
	var s settings
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.Float64Var(&s.rate, "rate", 200, "payments per second")
	flags.DurationVar(&s.duration, "duration", 5*time.Second, "how long they come")
	flags.Float64Var(&s.drain, "drain", 50, "row changes per second that MySQL may get")
	flags.BoolVar(&s.once, "once", false, "end when all is drained; exit 0 only if every row arrived unchanged")
	flags.StringVar(&s.listen, "listen", "127.0.0.1:0", "`host:port` of the proxy")
	flags.StringVar(&s.mysqld, "mysqld", "", "mariadbd or mysqld to start; \"memory\" = the in-memory stand-in")
	flags.BoolVar(&s.verbose, "v", false, "show the log of the proxy")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return demo(ctx, s, out)
}
