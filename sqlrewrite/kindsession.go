package sqlrewrite

// readBegin: MariaDB's BEGIN NOT ATOMIC starts a program.
func readBegin(p *piece, _ SQLMode) {
	if p.word(1, "NOT") {
		p.opaque, p.write = true, true
	}
}

// readStart is START TRANSACTION; the other STARTs are about replication. A
// snapshot taken at once is a read of everything.
func readStart(p *piece, _ SQLMode) {
	if p.word(1, "TRANSACTION") {
		p.effect |= EffectBegin
		p.all = p.has("SNAPSHOT")
	}
}

// readCommit: ROLLBACK TO ends nothing, AND CHAIN begins again.
func readCommit(p *piece, _ SQLMode) {
	if p.has("TO") {
		p.effect = EffectSavepoint
	}
	if p.has("CHAIN") && !p.follow("NO", "CHAIN") {
		p.effect |= EffectBegin
	}
}

// readXA: the branch holds its locks until XA COMMIT or XA ROLLBACK, even
// after XA END and XA PREPARE.
func readXA(p *piece, _ SQLMode) {
	switch {
	case p.word(1, "START", "BEGIN"):
		p.effect = EffectBegin | EffectLock
	case p.word(1, "COMMIT", "ROLLBACK"):
		p.effect = EffectEnd | EffectUnlock
	}
}

// readUse names the database.
func readUse(p *piece, _ SQLMode) {
	if n, ok := p.name(1); ok {
		p.named = n
	}
}

// readBackup is MariaDB's BACKUP STAGE and BACKUP LOCK.
func readBackup(p *piece, _ SQLMode) {
	if p.has("END", "UNLOCK") {
		p.effect |= EffectUnlock
	}
}

// readFlush: with a lock and no table it is about all of them.
func readFlush(p *piece, _ SQLMode) {
	if p.has("LOCK", "EXPORT") {
		p.effect |= EffectLock
		if !p.has("EXPORT") {
			p.effect |= EffectUnknown
		}
	}
}

// readRename: a temporary table may get another name.
func readRename(p *piece, _ SQLMode) {
	p.effect |= EffectTempTable
	p.hides = true
}

// readCall: what a routine does is in the catalog, but for those of the
// server's own schemas, some of which execute the text they are given.
func readCall(p *piece, _ SQLMode) {
	p.within, p.hides = true, true
	if n, _, ok := p.table(1); !ok || is([]byte(n.db), "SYS") || is([]byte(n.db), "MYSQL") {
		p.effect |= effectAnything
	}
}

// readPrepare is PREPARE name FROM 'text', or FROM an expression.
func readPrepare(p *piece, mode SQLMode) {
	if n, ok := p.name(1); ok {
		p.named = n
	}
	if text, ok := p.str(3, mode); ok && len(p.toks) == 4 && p.word(2, "FROM") {
		p.inner = text
	}
}

// readExecute is EXECUTE name, or MariaDB's EXECUTE IMMEDIATE.
func readExecute(p *piece, mode SQLMode) {
	if !p.word(1, "IMMEDIATE") {
		p.effect |= EffectExecute
		if n, ok := p.name(1); ok {
			p.named = n
		}
		return
	}
	text, ok := p.str(2, mode)
	if ok && (len(p.toks) == 3 || p.word(3, "USING")) {
		p.inner = text
		return
	}
	p.effect |= effectAnything | EffectTempTable
	p.write, p.hides = true, true
}

// asks finds what of the last statement's outcome is asked for.
func (p *piece) asks() Use {
	var u Use
	for i, t := range p.toks {
		switch t.kind {
		case tokWord, tokQuoted:
			u |= asked[lower(p.text(i))]
		case tokVar:
			name := p.text(i)
			for k := len(name) - 1; k >= 0; k-- {
				if name[k] == '.' || name[k] == '@' {
					name = name[k+1:]
					break
				}
			}
			if p.text(i)[1] == '@' {
				u |= askedVariables[lower(name)]
			}
		}
	}
	return u
}

// asked are the functions about the last statement, askedVariables the
// system variables.
var (
	asked          = map[string]Use{"last_insert_id": UseInsertID, "row_count": UseRowCount, "found_rows": UseFoundRows}
	askedVariables = map[string]Use{
		"identity": UseInsertID, "last_insert_id": UseInsertID,
		"warning_count": UseWarnings, "error_count": UseWarnings,
	}
)

// wordEffects is what a word may do to the session wherever it stands in a
// text that cannot be read.
var wordEffects = map[string]Effect{
	"set": EffectSession, "use": EffectDB | EffectSession,
	"begin": EffectBegin, "start": EffectBegin, "xa": EffectBegin | EffectLock | EffectEnd | EffectUnlock,
	"commit": EffectEnd, "rollback": EffectEnd | EffectSavepoint, "savepoint": EffectSavepoint,
	"create": EffectDDL | EffectEnd, "alter": EffectDDL | EffectEnd, "drop": EffectDDL | EffectEnd,
	"rename": EffectDDL | EffectEnd | EffectTempTable, "truncate": EffectDDL | EffectEnd,
	"database": EffectUnknown, "schema": EffectUnknown, // dropped, perhaps
	"temporary": EffectTempTable, "lock": EffectLock | EffectEnd, "unlock": EffectUnlock | EffectEnd,
	"handler": EffectLock | EffectUnlock, "flush": EffectLock | EffectEnd | EffectUnknown, "backup": EffectLock | EffectUnlock,
	"prepare": EffectPrepare, "execute": effectAnything | EffectTempTable, "binlog": effectAnything,
	"call": EffectSession | EffectBegin | EffectEnd | EffectTempTable | EffectMayDefine,
}
