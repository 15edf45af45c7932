package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Error is one thing that is wrong with a configuration file.
type Error struct {
	File   string // "" for a configuration that did not come from a file
	Line   int    // from 1; 0 when it is about something that is not there
	Key    string // dotted, "" when the file is not TOML at all
	Reason string
}

// Error prints "file:line: key: reason".
func (e *Error) Error() string {
	at := e.File
	if e.Line > 0 {
		at = fmt.Sprintf("%s:%d", e.File, e.Line)
	}
	parts := []string{at, e.Key, e.Reason}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ": ")
}

// Load reads, resolves and validates the file at path. The error joins one
// *Error for each thing that is wrong, so that all can be mended at once.
func Load(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	return Parse(path, data, os.LookupEnv)
}

// Parse does what Load does with a file's content. lookup finds environment
// variables.
func Parse(file string, data []byte, lookup func(string) (string, bool)) (*Config, error) {
	cfg, err := decode(file, data)
	if err != nil {
		return nil, err
	}
	lines := keyLines(data)
	var errs []error
	report := func(key, format string, args ...any) {
		errs = append(errs, &Error{File: file, Line: lines.of(key), Key: key, Reason: fmt.Sprintf(format, args...)})
	}
	cfg.resolveSecrets(lookup, report)
	cfg.validate(report)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return cfg, nil
}

// Validate checks a configuration that was made by a program; its secrets
// must stand in it. The error is like that of Load.
func (c *Config) Validate() error {
	var errs []error
	c.validate(func(key, format string, args ...any) {
		errs = append(errs, &Error{Key: key, Reason: fmt.Sprintf(format, args...)})
	})
	return errors.Join(errs...)
}

// decode reads TOML over the defaults; keys it does not know are errors.
func decode(file string, data []byte) (*Config, error) {
	cfg := Default()
	dec := toml.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	err := dec.Decode(cfg)
	if err == nil {
		return cfg, nil
	}
	var missing *toml.StrictMissingError
	if errors.As(err, &missing) {
		var errs []error
		for i := range missing.Errors {
			e := &missing.Errors[i]
			line, _ := e.Position()
			errs = append(errs, &Error{File: file, Line: line, Key: joinKey(e.Key()), Reason: "there is no such key"})
		}
		return nil, errors.Join(errs...)
	}
	var de *toml.DecodeError
	if errors.As(err, &de) {
		line, _ := de.Position()
		key := joinKey(de.Key())
		if key == "" {
			key = keyLines(data).at(line)
		}
		return nil, &Error{File: file, Line: line, Key: key, Reason: strings.TrimPrefix(de.Error(), "toml: ")}
	}
	return nil, &Error{File: file, Reason: err.Error()}
}
