package sqlrewrite

import "strings"

// TransactionVerb is what a statement does to a transaction.
type TransactionVerb uint8

const (
	TransactionBegin TransactionVerb = iota
	TransactionCommit
	TransactionRollback
	TransactionSavepoint
	TransactionRollbackTo
	TransactionRelease // of a savepoint
)

// TransactionStatement is a statement that begins or ends a transaction, or is
// about a savepoint.
type TransactionStatement struct {
	Verb  TransactionVerb
	Name  string // of the savepoint
	Chain bool   // AND CHAIN
}

// ParseTransaction reads BEGIN, START TRANSACTION, COMMIT, ROLLBACK and what is
// about savepoints. False for any other statement, and for those that want
// something special: READ ONLY, WITH CONSISTENT SNAPSHOT, RELEASE of the
// connection, a savepoint whose name is not plain ASCII.
func ParseTransaction(sql []byte, mode SQLMode) (TransactionStatement, bool) {
	toks := tokenise(sql, mode, false)
	for n := len(toks); n > 0 && toks[n-1].kind == tokSemi; n-- {
		toks = toks[:n-1]
	}
	for _, t := range toks {
		if t.broken || t.kind == tokOpen || t.kind == tokHint || t.kind == tokSemi || t.kind == tokParam {
			return TransactionStatement{}, false
		}
	}
	p := transactionParser{piece: piece{src: sql, toks: toks}}
	st, ok := p.statement()
	return st, ok && p.i == len(toks)
}

// transactionParser is the reading of one such statement.
type transactionParser struct {
	piece
	i int
}

// take steps over a word if it is the next one.
func (p *transactionParser) take(word string) bool {
	if !p.word(p.i, word) {
		return false
	}
	p.i++
	return true
}

// statement reads the statement; something may be left behind it.
func (p *transactionParser) statement() (TransactionStatement, bool) {
	switch {
	case p.take("BEGIN"):
		p.take("WORK")
		return TransactionStatement{Verb: TransactionBegin}, true
	case p.take("START"):
		ok := p.take("TRANSACTION")
		if p.take("READ") {
			ok = ok && p.take("WRITE")
		}
		return TransactionStatement{Verb: TransactionBegin}, ok
	case p.take("COMMIT"):
		return p.completion(TransactionStatement{Verb: TransactionCommit})
	case p.take("ROLLBACK"):
		p.take("WORK")
		if p.take("TO") {
			p.take("SAVEPOINT")
			return p.named(TransactionRollbackTo)
		}
		return p.completion(TransactionStatement{Verb: TransactionRollback})
	case p.take("SAVEPOINT"):
		return p.named(TransactionSavepoint)
	case p.take("RELEASE"):
		if !p.take("SAVEPOINT") {
			return TransactionStatement{}, false
		}
		return p.named(TransactionRelease)
	}
	return TransactionStatement{}, false
}

// completion reads [WORK] [AND [NO] CHAIN] [NO RELEASE].
func (p *transactionParser) completion(st TransactionStatement) (TransactionStatement, bool) {
	p.take("WORK")
	if p.take("AND") {
		st.Chain = !p.take("NO")
		if !p.take("CHAIN") {
			return st, false
		}
	}
	if p.take("NO") && !p.take("RELEASE") {
		return st, false
	}
	return st, true
}

// named reads a savepoint's name.
func (p *transactionParser) named(verb TransactionVerb) (TransactionStatement, bool) {
	name, ok := p.name(p.i)
	if ok && p.toks[p.i].kind == tokWord && reserved[strings.ToLower(name)] {
		return TransactionStatement{}, false
	}
	p.i++
	for i := range len(name) {
		if name[i] < 0x20 || name[i] > 0x7e {
			return TransactionStatement{}, false
		}
	}
	return TransactionStatement{Verb: verb, Name: name}, ok && name != ""
}
