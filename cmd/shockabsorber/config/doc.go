// Package config reads the configuration file (TOML), refuses whatever it
// does not understand with the file, line and key, and resolves secrets from
// environment variables and files.
//
//	cfg, err := config.Load("config.toml")
//
// Load gives a Config that has been validated and whose secrets are resolved;
// every error it returns is a configuration error (exit code 2). Default gives
// the values the file config.toml at the top of the repository spells out.
package config
