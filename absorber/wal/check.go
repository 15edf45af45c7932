package wal

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// Check looks at how Redis is set up. An error means that it must not be used:
// it does not answer, is too old, is a replica, or may evict keys that hold
// acknowledged writes. Warnings are sentences that say what a crash can cost.
// A memory twin, which knows no CONFIG, passes with a warning.
func (s *Store) Check(ctx context.Context) (warnings []string, err error) {
	const op = "wal.check"
	if err := s.rdb.Ping(ctx).Err(); err != nil {
		return nil, classify(op, "", err)
	}
	for _, check := range []func(context.Context, string) (string, error){s.checkServer, s.checkEviction, s.checkFile, s.checkConfirm} {
		w, err := check(ctx, op)
		if err != nil {
			return warnings, err
		}
		if w != "" {
			warnings = append(warnings, w)
		}
	}
	return warnings, nil
}

// refusedSetup is the error for a Redis that must not be used.
func refusedSetup(op, what, hint string) error {
	return &row.Error{Op: op, Kind: row.Permanent, Err: errors.New(what), Hint: hint}
}

// checkServer looks at version and role.
func (s *Store) checkServer(ctx context.Context, op string) (string, error) {
	info, err := s.info(ctx, "server")
	if err != nil {
		return "", classify(op, "", err)
	}
	if err := tooOld(op, info["redis_version"]); err != nil {
		return "", err
	}
	if info, err = s.info(ctx, "replication"); err != nil {
		return "", classify(op, "", err)
	}
	if info["role"] == "slave" {
		return "", refusedSetup(op, "this Redis is a replica", "let kvstore.endpoints name the master, or use sentinel_master")
	}
	return "", nil
}

// tooOld refuses servers before 7.0. They keep the scripts in their files and
// give them to replicas, so a server that was restarted or promoted, and has
// lost units, would not look new to a process that happens to know no more than
// it: the LSNs of what was lost would be given out again, and nobody would tell.
func tooOld(op, version string) error {
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err != nil || n >= 7 {
		return nil
	}
	return refusedSetup(op, "Redis "+version+" is too old: it remembers scripts when it is restarted or promoted, so that the loss of writes could go unnoticed",
		"use Redis 7.0 or later, or Valkey")
}

// checkEviction refuses a policy that may evict keys without a TTL: dirty rows
// and the log have none. Keys with a TTL are clean rows, leases and the
// lane's owner: losing one early costs a read or a retry.
func (s *Store) checkEviction(ctx context.Context, op string) (string, error) {
	policy, err := s.config(ctx, "maxmemory-policy")
	if err != nil {
		return "", classify(op, "", err)
	}
	if policy == "" {
		return "Redis does not tell its maxmemory-policy: make sure that it is noeviction or volatile-*, or acknowledged writes may be evicted", nil
	}
	if strings.HasPrefix(policy, allkeys) {
		return "", evicting(op, policy)
	}
	return "", nil
}

// checkFile tells what a crash of Redis can cost.
func (s *Store) checkFile(ctx context.Context, op string) (string, error) {
	on, err := s.config(ctx, "appendonly")
	if err != nil {
		return "", classify(op, "", err)
	}
	fsync, err := s.config(ctx, "appendfsync")
	if err != nil {
		return "", classify(op, "", err)
	}
	switch {
	case on == "":
		return "Redis does not tell whether it keeps an append-only file: without one, a crash of Redis loses acknowledged writes that MySQL does not have yet", nil
	case on == "no":
		return "Redis keeps no append-only file: a crash of Redis loses every acknowledged write that neither MySQL nor the queue has yet (CONFIG SET appendonly yes)", nil
	case fsync == "everysec":
		return "appendfsync is everysec: a crash of Redis' machine, or of Redis while the disk is slow, can lose the acknowledged writes of the last second or two (appendfsync always, or durability replica or kafka)", nil
	case fsync == "no":
		return "appendfsync is no: a crash of Redis' machine can lose the acknowledged writes of about half a minute (appendfsync always, or durability replica or kafka)", nil
	}
	return "", nil
}

// info reads a section of INFO; a server that does not know it has none.
func (s *Store) info(ctx context.Context, section string) (map[string]string, error) {
	text, err := s.rdb.Info(ctx, section).Result()
	if err = tolerate(err); err != nil {
		return nil, err
	}
	return infoLines(text), nil
}

// infoLines reads the lines of INFO.
func infoLines(text string) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			m[k] = v
		}
	}
	return m
}

// config reads a setting; "" if the server does not tell it.
func (s *Store) config(ctx context.Context, name string) (string, error) {
	m, err := s.rdb.ConfigGet(ctx, name).Result()
	if err = tolerate(err); err != nil {
		return "", err
	}
	return m[name], nil
}

// tolerate drops a server's refusal of a command (managed Redis, memory twin),
// but not that it asks for a password.
func tolerate(err error) error {
	var reply redis.Error
	if !errors.As(err, &reply) {
		return err
	}
	if r, ok := refused(err); ok && r.word != "NOPERM " {
		return err
	}
	return nil
}
