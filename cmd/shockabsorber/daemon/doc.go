// Package daemon is the wiring: it makes the parts from a configuration, runs
// them together and stops them in order. Nothing else names an adapter. It is
// a package of its own so that the demo runs the same code as the program.
//
//	err := daemon.Run(ctx, cfg, daemon.Options{})    // proxy, drainer, admin
//	err := daemon.Drain(ctx, cfg, daemon.Options{})  // drainer and admin only
//	err := daemon.Check(ctx, cfg, os.Stdout)
package daemon
