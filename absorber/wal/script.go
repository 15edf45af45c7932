package wal

import (
	"context"
	"crypto/sha1"
	"embed"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

//go:embed lua/*.lua
var luaFiles embed.FS

// Answers of the scripts that are not an LSN; the same numbers as in
// lua/prelude.lua.
const (
	ansConflict   = -1
	ansGated      = -2
	ansStale      = -3
	ansFull       = -4
	ansLost       = -5
	ansSuperseded = -6
	ansUnseeded   = -7
	ansLocked     = -8
	ansDeadlock   = -9
	ansUnlocked   = -10
	ansRoll       = -11
	ansFence      = -12
)

// script is one file of lua/ behind the prelude.
type script struct {
	name string
	text string
	sha  string
}

// scripts are the scripts as one process runs them. The process's id stands in
// each text, so that no other process loads them: a server that does not know
// them is a server that has been restarted or replaced since.
type scripts struct {
	lease, fill, tables, open, rebuild, advance, pause        *script
	settle, trim, auto, join, shut, renew, leave, owner, want *script
	seal, relayed                                             *script
	lock, locked, unlock, relock, sweep                       *script

	all []*script // but commit
	// commit has another text after each restart of the server: what was on its
	// way with the one before finds no script, and is refused, whoever has loaded
	// them meanwhile.
	commit  atomic.Pointer[script]
	process string
	loading sync.Mutex
	loads   atomic.Int64 // how often they were loaded; 0 = not yet
}

// newScripts reads the embedded files.
func newScripts(process string) *scripts {
	s := &scripts{process: process}
	s.renewCommit(0)
	for name, p := range map[string]**script{
		"lease": &s.lease, "fill": &s.fill, "tables": &s.tables,
		"open": &s.open, "rebuild": &s.rebuild, "advance": &s.advance, "pause": &s.pause,
		"settle": &s.settle, "trim": &s.trim, "auto": &s.auto, "join": &s.join,
		"shut": &s.shut, "renew": &s.renew, "leave": &s.leave, "owner": &s.owner,
		"want": &s.want, "seal": &s.seal, "relayed": &s.relayed,
		"lock": &s.lock, "locked": &s.locked, "unlock": &s.unlock, "relock": &s.relock, "sweep": &s.sweep,
	} {
		*p = newScript(name, process)
		s.all = append(s.all, *p)
	}
	return s
}

// renewCommit makes the commit script for the server's restart number n.
func (s *scripts) renewCommit(n int64) {
	s.commit.Store(newScript("commit", fmt.Sprintf("%s %d", s.process, n)))
}

// newScript reads an embedded file; mark makes its text another one.
func newScript(name, mark string) *script {
	text := ""
	for _, file := range []string{"prelude", name} {
		body, err := luaFiles.ReadFile("lua/" + file + ".lua")
		if err != nil {
			panic(err) // the file is part of the binary
		}
		text += string(body)
	}
	text += "-- " + mark + "\n"
	sum := sha1.Sum([]byte(text))
	return &script{name: name, text: text, sha: hex.EncodeToString(sum[:])}
}

// noScript recognises the answer of a server that does not know a script.
func noScript(err error) bool {
	return err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT")
}

// load gives the server the scripts after it said that it does not know them.
// before is what loads was when the refused call was sent: if it has grown
// since, somebody else has loaded them. restarted says that the server had
// them once and is therefore not the one it was: nothing is sent again then.
func (s *Store) load(ctx context.Context, before int64) (restarted bool, err error) {
	s.scripts.loading.Lock()
	defer s.scripts.loading.Unlock()
	if s.scripts.loads.Load() != before {
		return before > 0, nil
	}
	if before > 0 { // first, or a call would go through between the two
		s.lanes.Range(func(_, v any) bool {
			v.(*lane).doubt()
			return true
		})
		s.scripts.renewCommit(before)
	}
	for _, sc := range append(slices.Clone(s.scripts.all), s.scripts.commit.Load()) {
		err := s.opts.Effects.Do("wal.script_load", func() error { return s.rdb.ScriptLoad(ctx, sc.text).Err() })
		if err != nil {
			return false, fmt.Errorf("load script %s: %w", sc.name, err)
		}
	}
	s.scripts.loads.Add(1)
	if before == 0 {
		return false, nil
	}
	s.log.Warn("Redis has forgotten the scripts: it was restarted or replaced; lanes stay closed until they are compared with MySQL")
	return true, nil
}
