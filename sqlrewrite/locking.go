package sqlrewrite

// Locking is what a SELECT ... FOR UPDATE does about rows that others have locked.
type Locking uint8

const (
	LockWaits  Locking = iota // it waits for them
	LockNoWait                // NOWAIT: it fails
	LockSkips                 // SKIP LOCKED: it leaves them out
)

// SplitLocking takes the FOR UPDATE off the end of a SELECT. plain is the
// statement without it; ok is false if there is none, if it says more (OF, WAIT),
// or if there are several statements.
func SplitLocking(sql []byte, mode SQLMode) (plain []byte, how Locking, ok bool) {
	toks := tokenise(sql, mode, false)
	for n := len(toks); n > 0 && toks[n-1].kind == tokSemi; n-- {
		toks = toks[:n-1]
	}
	for _, t := range toks {
		if t.broken || t.kind == tokOpen || t.kind == tokHint || t.kind == tokSemi {
			return nil, 0, false
		}
	}
	p := piece{src: sql, toks: toks}
	at := len(toks) - 2
	switch {
	case p.word(at, "SKIP") && p.word(at+1, "LOCKED"):
		how, at = LockSkips, at-2
	case p.word(at+1, "NOWAIT"):
		how, at = LockNoWait, at-1
	}
	if at < 1 || !p.word(0, "SELECT") || !p.word(at, "FOR") || !p.word(at+1, "UPDATE") {
		return nil, 0, false
	}
	return sql[:toks[at].start], how, true
}
