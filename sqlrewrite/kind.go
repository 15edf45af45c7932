package sqlrewrite

// kind is what the first word of a statement says of it.
type kind struct {
	effect Effect
	write  bool
	refine func(p *piece, mode SQLMode) // looks further
}

// kinds are the statements the classifier knows. What is not here is opaque.
var kinds map[string]kind

func init() { // refine functions read the table again for inner statements
	end := EffectEnd // these commit implicitly
	kinds = map[string]kind{
		"select": {refine: readSelect}, "(": {refine: readSelect}, "with": {refine: readSelect},
		"table": {refine: readSelect}, "values": {refine: readSelect},
		"show": {refine: readShow}, "help": {}, "checksum": {}, "do": {}, "get": {refine: readDiagnostics},
		"explain": {refine: readExplain}, "describe": {refine: readExplain}, "desc": {refine: readExplain},
		"analyze": {refine: readAnalyze}, "handler": {refine: readHandler},

		"insert": {write: true}, "update": {write: true}, "delete": {write: true}, "load": {write: true},
		"replace": {write: true},

		"set":   {refine: readSet},
		"begin": {effect: EffectBegin, refine: readBegin}, "start": {refine: readStart},
		"commit": {effect: end, refine: readCommit}, "rollback": {effect: end, refine: readCommit},
		"savepoint": {effect: EffectSavepoint}, "release": {effect: EffectSavepoint},
		"xa": {refine: readXA}, "use": {effect: EffectDB, refine: readUse},
		"lock": {effect: end | EffectLock, write: true}, "unlock": {effect: end | EffectUnlock},
		"backup": {effect: end | EffectLock, write: true, refine: readBackup},
		"flush":  {effect: end, write: true, refine: readFlush},

		"create":   {effect: end | EffectDDL, write: true, refine: readCreate},
		"drop":     {effect: end | EffectDDL, write: true, refine: readDrop},
		"alter":    {effect: end | EffectDDL, write: true, refine: readAlter},
		"rename":   {effect: end | EffectDDL, write: true, refine: readRename},
		"truncate": {effect: end | EffectDDL, write: true, refine: readTruncate}, "optimize": {effect: end | EffectDDL, write: true},
		"repair": {effect: end | EffectDDL, write: true}, "import": {effect: end | EffectDDL, write: true},
		"check": {effect: end, write: true}, "cache": {effect: end, write: true},
		"grant": {effect: end | EffectDDL, write: true}, "revoke": {effect: end | EffectDDL, write: true}, // who may do what is asked again

		"call":    {effect: EffectSession | EffectBegin | EffectEnd | EffectTempTable, write: true, refine: readCall},
		"prepare": {effect: EffectPrepare, refine: readPrepare},
		"execute": {refine: readExecute}, "deallocate": {},
		"binlog": {effect: effectAnything, write: true},

		"kill": {}, "purge": {}, "reset": {effect: end}, "change": {}, "stop": {}, "install": {effect: end},
		"uninstall": {effect: end}, "shutdown": {}, "restart": {}, "clone": {effect: effectAnything, write: true}, "signal": {}, "resignal": {},
	}
}

// read finds what the piece does.
func (p *piece) read(mode SQLMode) {
	p.reason = ReasonStatement
	p.uses = p.asks()
	if len(p.toks) == 0 {
		return
	}
	k, known := kinds[lower(p.text(0))]
	if !known || p.toks[0].kind == tokQuoted {
		p.opaque, p.write, p.hides = true, true, true
		return
	}
	p.effect |= k.effect
	p.write = p.write || k.write
	if k.refine != nil {
		k.refine(p, mode)
	}
}

// executes takes over what the statement from token i on does.
func (p *piece) executes(i int, mode SQLMode) {
	in := p.rest(i)
	in.read(mode)
	p.effect |= in.effect
	p.write = p.write || in.write
	p.opaque = p.opaque || in.opaque
	p.temp, p.hides, p.named, p.inner, p.within = in.temp, in.hides, in.named, in.inner, in.within
	p.defined, p.dropped = in.defined, in.dropped
}

// lower is text in lower case, if it is short enough to be a keyword.
func lower(text []byte) string {
	var b [20]byte
	if len(text) > len(b) {
		return ""
	}
	for i, c := range text {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		b[i] = c
	}
	return string(b[:len(text)])
}

// readSelect finds locking reads, INTO a file, and a WITH before a write.
func readSelect(p *piece, _ SQLMode) {
	p.reason = ReasonSelectClause
	if p.follow("FOR", "UPDATE") || p.follow("FOR", "SHARE") || p.follow("LOCK", "IN", "SHARE", "MODE") {
		p.write, p.reason = true, ReasonLockingRead
	}
	if p.follow("INTO", "OUTFILE") || p.follow("INTO", "DUMPFILE") {
		p.write = true
	}
	for i := range p.toks {
		// The same words before a parenthesis are functions; elsewhere in a
		// query they are reserved.
		if p.word(i, "INSERT", "UPDATE", "DELETE", "REPLACE") && !p.op(i+1, "(") && p.word(0, "WITH") {
			p.write = true
		}
	}
}

// readShow finds what asks for the diagnostics of the last statement.
func readShow(p *piece, _ SQLMode) {
	if p.has("WARNINGS", "ERRORS") {
		p.uses |= UseWarnings
	}
}

// readDiagnostics is GET DIAGNOSTICS.
func readDiagnostics(p *piece, _ SQLMode) { p.uses |= UseWarnings }

// readExplain: only EXPLAIN ANALYZE executes what it explains.
func readExplain(p *piece, mode SQLMode) {
	for i := 1; i < len(p.toks); i++ {
		if p.word(i, "ANALYZE") {
			p.executes(statementAfter(p, i+1), mode)
			return
		}
	}
}

// readAnalyze is ANALYZE TABLE, or MariaDB's ANALYZE statement, which executes.
func readAnalyze(p *piece, mode SQLMode) {
	if p.word(1, "TABLE", "TABLES", "LOCAL", "NO_WRITE_TO_BINLOG") {
		p.effect |= EffectEnd
		p.write = true
		return
	}
	p.executes(statementAfter(p, 1), mode)
}

// statementAfter finds the statement behind options such as FORMAT=JSON.
func statementAfter(p *piece, i int) int {
	for ; i < len(p.toks); i++ {
		if p.op(i, "(") || p.word(i, "SELECT", "WITH", "TABLE", "VALUES", "INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "CALL", "SET") {
			return i
		}
	}
	return i
}

// readHandler: a handler reads without a lock, but what it has open outlives
// the statement.
func readHandler(p *piece, _ SQLMode) {
	switch {
	case p.has("OPEN"):
		p.effect |= EffectLock
		p.write = true
	case p.has("CLOSE"):
		p.effect |= EffectUnlock
	}
}

// readSet: only user variables leave the session as it is.
func readSet(p *piece, mode SQLMode) {
	if p.word(1, "STATEMENT") {
		p.effect |= EffectSession
		for i := 2; i < len(p.toks); i++ {
			if p.word(i, "FOR") {
				p.executes(i+1, mode)
				return
			}
		}
		p.opaque, p.write = true, true
		return
	}
	depth, start := 0, true
	for i := 1; i < len(p.toks); i++ {
		if start && !p.userVariable(i) {
			p.effect |= EffectSession
			return
		}
		start = false
		switch {
		case p.op(i, "("):
			depth++
		case p.op(i, ")"):
			depth--
		case p.op(i, ",") && depth == 0:
			start = true
		}
	}
}

// userVariable reports whether token i is @name.
func (p *piece) userVariable(i int) bool {
	t := p.text(i)
	return i < len(p.toks) && p.toks[i].kind == tokVar && len(t) > 1 && t[1] != '@'
}
