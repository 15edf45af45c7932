package sqlrewrite

import "strings"

// Locking is how a locking SELECT locks the rows it reads.
type Locking struct {
	Shared bool // FOR SHARE, LOCK IN SHARE MODE
	Wait   LockWait
	Clause string // what was taken off, in capital letters
}

// LockWait is what it does about rows that others have locked.
type LockWait uint8

const (
	LockWaits  LockWait = iota // it waits for them
	LockNoWait                 // NOWAIT: it fails
	LockSkips                  // SKIP LOCKED: it leaves them out
)

// SplitLocking takes the FOR UPDATE, FOR SHARE or LOCK IN SHARE MODE off the end
// of a SELECT. plain is the statement without it; ok is false if there is none, if
// it says more (OF, WAIT), or if there are several statements.
func SplitLocking(sql []byte, mode SQLMode) (plain []byte, how Locking, ok bool) {
	toks := tokenise(sql, mode, false)
	for n := len(toks); n > 0 && toks[n-1].kind == tokSemi; n-- {
		toks = toks[:n-1]
	}
	for _, t := range toks {
		if t.broken || t.kind == tokOpen || t.kind == tokHint || t.kind == tokSemi {
			return nil, how, false
		}
	}
	p := piece{src: sql, toks: toks}
	end := len(toks)
	switch {
	case p.words(end-2, "SKIP", "LOCKED"):
		how.Wait, end = LockSkips, end-2
	case p.words(end-1, "NOWAIT"):
		how.Wait, end = LockNoWait, end-1
	}
	at := end - 2
	switch {
	case p.words(at, "FOR", "UPDATE"):
	case p.words(at, "FOR", "SHARE"):
		how.Shared = true
	case p.words(end-4, "LOCK", "IN", "SHARE", "MODE"):
		how.Shared, at = true, end-4
	default:
		return nil, Locking{}, false
	}
	if at < 1 || !p.word(0, "SELECT") {
		return nil, Locking{}, false
	}
	for i := at; i < len(toks); i++ {
		how.Clause += strings.ToUpper(string(p.text(i))) + " "
	}
	how.Clause = strings.TrimSpace(how.Clause)
	return sql[:toks[at].start], how, true
}

// words reports whether words stand from token i on.
func (p *piece) words(i int, words ...string) bool {
	for n, w := range words {
		if !p.word(i+n, w) {
			return false
		}
	}
	return true
}
