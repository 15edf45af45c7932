package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// Exit codes.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// command is a subcommand. run returns nil, a *usageError, an error that
// holds a *config.Error, or any other error.
type command struct {
	name, arguments, summary string
	run                      func(ctx context.Context, c *call) error
}

// call is one invocation: what is behind the subcommand's name, and where its
// output goes.
type call struct {
	flags          *flag.FlagSet
	args           []string
	stdout, stderr io.Writer
}

// commands lists the subcommands in the order help shows them.
func commands() []command {
	return []command{
		{"serve", "--config FILE", "run the proxy (the default)", serve},
		{"check", "--config FILE", "validate the file, connect, and say which tables would be absorbed", check},
		{"drain", "--config FILE", "run a drainer without a listener", drain},
		{"load", "--dsn DSN --rps N --duration T", "send a spike of inserts and follow every row to MySQL", load},
		{"status", "[--admin URL]", "show lanes, tables, reasons and sessions of a running proxy", status},
		{"pause", "[--lane NAME]", "stop draining; writes are still absorbed", pauseDraining},
		{"resume", "[--lane NAME]", "drain again", resumeDraining},
		{"skip", "--lane NAME --to LSN --yes", "give up acknowledged writes that are missing and keep a lane closed", skipUnits},
		{"deadletters", "list|show|retry|edit|discard [ID]", "deal with writes that MySQL refused for good", deadletters},
		{"audit", "--config FILE [--json]", "compare MySQL, log, queue and cache, and name every disagreement", auditCommand},
		{"wal", "dump [--lane NAME]", "print the writes that wait for MySQL as SQL", walCommand},
		{"version", "", "print the version", version},
	}
}

// usageError says that the command line is wrong.
type usageError struct{ reason string }

// Error gives the reason.
func (e *usageError) Error() string { return e.reason }

// usagef makes a usageError.
func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

func main() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	os.Exit(untilSignal(signals, func(ctx context.Context) int {
		return dispatch(ctx, os.Args[1:], os.Stdout, os.Stderr)
	}))
}

// untilSignal runs f. The first signal cancels its context, so that it stops
// in order; the second one does not wait for that.
func untilSignal(signals <-chan os.Signal, f func(context.Context) int) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan int, 1)
	go func() { done <- f(ctx) }()
	select {
	case code := <-done:
		return code
	case <-signals:
		cancel()
	}
	select {
	case code := <-done:
		return code
	case <-signals:
		return exitInterrupted
	}
}

// dispatch runs the subcommand that args name and returns the exit code.
func dispatch(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	name := "serve"
	switch {
	case len(args) == 0:
		help(stderr)
		return exitUsage
	case args[0] == "help" || args[0] == "-h" || args[0] == "-help" || args[0] == "--help":
		help(stdout)
		return exitOK
	case args[0] == "--version" || args[0] == "-version":
		name, args = "version", nil
	case !strings.HasPrefix(args[0], "-"):
		name, args = args[0], args[1:]
	}
	for _, cmd := range commands() {
		if cmd.name == name {
			return runCommand(ctx, cmd, args, stdout, stderr)
		}
	}
	fmt.Fprintf(stderr, "shockabsorber: there is no command %q\n\n", name)
	help(stderr)
	return exitUsage
}

// runCommand runs one subcommand and turns its error into output and a code.
func runCommand(ctx context.Context, cmd command, args []string, stdout, stderr io.Writer) int {
	c := &call{flags: flag.NewFlagSet(cmd.name, flag.ContinueOnError), args: args, stdout: stdout, stderr: stderr}
	c.flags.SetOutput(io.Discard) // parse errors are printed below, once
	c.flags.Usage = func() {}
	err := cmd.run(ctx, c)
	var (
		usage *usageError
		wrong *config.Error
		exit  *exitError
	)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, flag.ErrHelp):
		usageOf(stdout, cmd, c.flags)
		return exitOK
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "shockabsorber %s: %v\n\n", cmd.name, err)
		usageOf(stderr, cmd, c.flags)
		return exitUsage
	case errors.As(err, &wrong):
		fmt.Fprintln(stderr, err)
		return exitUsage
	case errors.As(err, &exit):
		if exit.err != nil {
			fmt.Fprintf(stderr, "shockabsorber %s: %v\n", cmd.name, err)
		}
		return exit.code
	default:
		fmt.Fprintf(stderr, "shockabsorber %s: %v\n", cmd.name, err)
		return exitFailed
	}
}

// parse reads the flags; anything left over is an error.
func (c *call) parse() error {
	if err := c.flags.Parse(c.args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return usagef("%v", err)
	}
	if rest := c.flags.Args(); len(rest) > 0 {
		return usagef("unexpected argument %q", rest[0])
	}
	return nil
}

// word takes the next argument if it is no flag, else gives "".
func (c *call) word() string {
	if len(c.args) == 0 || strings.HasPrefix(c.args[0], "-") {
		return ""
	}
	w := c.args[0]
	c.args = c.args[1:]
	return w
}

// config reads --config and loads that file.
func (c *call) config() (*config.Config, error) {
	path := c.flags.String("config", "config.toml", "configuration `file`")
	if err := c.parse(); err != nil {
		return nil, err
	}
	cfg, err := config.Load(*path)
	var wrong *config.Error
	if err != nil && !errors.As(err, &wrong) {
		return nil, usagef("%v", err)
	}
	return cfg, err
}

// help prints the overview.
func help(w io.Writer) {
	fmt.Fprint(w, "Shock Absorber: a MySQL proxy that takes writes at once and replays them at a chosen rate.\n\nUsage:\n")
	for _, cmd := range commands() {
		fmt.Fprintf(w, "  shockabsorber %-46s %s\n", strings.TrimSpace(cmd.name+" "+cmd.arguments), cmd.summary)
	}
	fmt.Fprint(w, "\n`shockabsorber COMMAND --help` lists the flags of a command; config.toml explains the configuration.\n")
}

// usageOf prints one command's flags.
func usageOf(w io.Writer, cmd command, flags *flag.FlagSet) {
	fmt.Fprintf(w, "Usage: shockabsorber %s\n", strings.TrimSpace(cmd.name+" "+cmd.arguments))
	flags.SetOutput(w)
	flags.PrintDefaults()
}
