package sqlrewrite

import (
	"bytes"
	"strconv"
)

// Outcome is what functions and variables say of a statement that was answered
// without the server. A negative number is not known. With Kept its warnings
// outlive a SELECT that does not ask for them.
type Outcome struct {
	RowCount, FoundRows, Warnings, Errors int64
	Kept                                  bool
}

// notConstant are the words by which a SELECT may be more than one row of
// expressions.
var notConstant = []string{"SELECT", "FROM", "INTO", "UNION", "INTERSECT", "EXCEPT", "MINUS", "VALUES", "LIMIT", "FOR", "LOCK", "PROCEDURE", "HAVING", "WHERE"}

// askedTwice are functions beside the pure ones, and words before a parenthesis,
// that may run twice where a session would have run them once.
var askedTwice = wordSet(operatorWords + ` select row_count found_rows last_insert_id connection_id database schema
user current_user session_user system_user version`)

// Substitute writes an outcome into a SELECT of one row of expressions that
// asks for it: what the server then computes is what it would have answered
// had it executed the statement before. ok is false for any other statement,
// where the outcome is not known, and where the text may do something when it
// is run: the caller runs it once for the values and once, as it came, for the
// column definitions. If the outcome is Kept, one that asks only for the last
// insert id, which the server knows, is written too.
func Substitute(sql []byte, mode SQLMode, o Outcome) (text []byte, ok bool) {
	toks, ok := plainTokens(sql, mode)
	if !ok {
		return nil, false
	}
	ok = false
	word := func(i int, w string) bool {
		return i < len(toks) && toks[i].kind == tokWord && bytes.EqualFold(sql[toks[i].start:toks[i].end], []byte(w))
	}
	op := func(i int, s string) bool {
		return i < len(toks) && toks[i].kind == tokOp && string(sql[toks[i].start:toks[i].end]) == s
	}
	if !word(0, "SELECT") {
		return nil, false
	}
	var out []byte
	from := 0
	put := func(first, last int, n int64) {
		out = strconv.AppendInt(append(out, sql[from:toks[first].start]...), n, 10)
		from, ok = toks[last].end, n >= -1
	}
	for i := 1; i < len(toks); i++ {
		if toks[i].kind == tokSemi {
			return nil, false
		}
		for _, w := range notConstant {
			if word(i, w) {
				return nil, false
			}
		}
		call := op(i+1, "(") && op(i+2, ")") && !op(i-1, ".")
		if op(i, ":=") || op(i+1, "(") && twice(sql, toks[i]) || word(i, "LAST_INSERT_ID") && !call {
			return nil, false
		}
		known := true
		switch {
		case word(i, "ROW_COUNT") && call:
			put(i, i+2, o.RowCount)
		case word(i, "FOUND_ROWS") && call && o.FoundRows >= 0:
			put(i, i+2, o.FoundRows)
		case word(i, "LAST_INSERT_ID") && call:
			ok = ok || o.Kept
		case toks[i].kind == tokVar:
			switch sessionVariable(sql[toks[i].start:toks[i].end]) {
			case "warning_count":
				known = o.Warnings >= 0
				put(i, i, o.Warnings)
			case "error_count":
				known = o.Errors >= 0
				put(i, i, o.Errors)
			case "identity", "last_insert_id":
				ok = ok || o.Kept
			}
		}
		if !known {
			return nil, false
		}
	}
	return append(out, sql[from:]...), ok
}

// plainTokens are those of one statement without markers and executable
// comments, and without the delimiter at its end.
func plainTokens(sql []byte, mode SQLMode) (toks []token, ok bool) {
	l := newLexer(sql, mode)
	for {
		var t token
		if l.next(&t); t.kind == tokEOF && !t.broken {
			break
		}
		if t.broken || t.kind == tokParam || t.kind == tokOpen || t.kind == tokHint {
			return nil, false
		}
		toks = append(toks, t)
	}
	if n := len(toks); n > 0 && toks[n-1].kind == tokSemi {
		toks = toks[:n-1]
	}
	return toks, true
}

// Diagnostics writes an outcome into a GET DIAGNOSTICS that asks for what it
// knows: the SET of user variables that does the same. ok is false for any
// other statement.
func Diagnostics(sql []byte, mode SQLMode, o Outcome) (text []byte, ok bool) {
	toks, ok := plainTokens(sql, mode)
	p := piece{src: sql, toks: toks}
	i := 1
	if p.word(i, "CURRENT") {
		i++
	}
	if !ok || !p.word(0, "GET") || !p.word(i, "DIAGNOSTICS") {
		return nil, false
	}
	for i++; ; i += 4 {
		n, begin, end := o.RowCount, "", ""
		if p.word(i+2, "NUMBER") {
			n, begin, end = o.Warnings, "CAST(", " AS UNSIGNED)"
		} else if !p.word(i+2, "ROW_COUNT") {
			return nil, false
		}
		if !p.userVariable(i) || !p.op(i+1, "=") || n < -1 {
			return nil, false
		}
		text = append(append(text, p.text(i)...), " = "+begin...)
		text = append(strconv.AppendInt(text, n, 10), end...)
		if i+3 == len(toks) {
			return append([]byte("SET "), text...), true
		}
		if !p.op(i+3, ",") {
			return nil, false
		}
		text = append(text, ", "...)
	}
}

// twice reports whether what a token before a parenthesis may call must not be
// called twice: a stored function, GET_LOCK(), NEXTVAL().
func twice(sql []byte, t token) bool {
	switch t.kind {
	case tokWord:
		name := lower(sql[t.start:t.end])
		return !pureFunctions[name] && !aggregateFunctions[name] && !askedTwice[name]
	case tokQuoted:
		return true
	}
	return false
}

// sessionVariable is the name of @@name, @@session.name or @@local.name in
// lower case, "" for anything else.
func sessionVariable(text []byte) string {
	name, ok := bytes.CutPrefix(bytes.ToLower(text), []byte("@@"))
	if !ok {
		return ""
	}
	for _, scope := range []string{"session.", "local."} {
		name = bytes.TrimPrefix(name, []byte(scope))
	}
	return string(name)
}
