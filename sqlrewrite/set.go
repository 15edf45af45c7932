package sqlrewrite

import "strings"

// Assignment is one session variable that a SET statement gives a value.
type Assignment struct {
	// Name is in lower case: "sql_mode", "time_zone", "autocommit", ... SET
	// NAMES gives character_set_client, character_set_results,
	// character_set_connection and collation_connection, SET CHARACTER SET the
	// same; SET TRANSACTION gives transaction_isolation and
	// transaction_read_only.
	Name string
	// Value is the literal or word: "ON", "0", "utf8mb4", "READ-COMMITTED".
	// Empty for collation_connection means the default collation of the
	// character set, and for character_set_connection that of the default
	// database (SET CHARACTER SET).
	Value string
	// Once is set for a transaction characteristic that holds for the next
	// transaction only.
	Once bool
}

// ParseSet reads a SET statement. False means that something in it was not
// understood, touches more than the session's system variables, or depends on
// anything but the text: let the server execute it and ask for the result.
func ParseSet(sql []byte, mode SQLMode) ([]Assignment, bool) {
	l := newLexer(sql, mode)
	toks := tokenise(sql, mode, false)
	for n := len(toks); n > 0 && toks[n-1].kind == tokSemi; n-- {
		toks = toks[:n-1]
	}
	for _, t := range toks {
		if t.broken || t.kind == tokOpen || t.kind == tokHint || t.kind == tokSemi || t.kind == tokParam {
			return nil, false
		}
	}
	s := setParser{piece: piece{src: sql, toks: toks}, l: &l}
	if !s.word(0, "SET") {
		return nil, false
	}
	s.i = 1
	if once := !s.word(1, "SESSION", "LOCAL"); s.word(1, "TRANSACTION") || s.word(2, "TRANSACTION") && !once {
		s.i = 2
		if !once {
			s.i = 3
		}
		return s.transaction(once)
	}
	for {
		if !s.assignment() {
			return nil, false
		}
		if s.i == len(toks) {
			return s.out, true
		}
		if !s.op(s.i, ",") {
			return nil, false
		}
		s.i++
	}
}

// setParser is the reading of one SET statement.
type setParser struct {
	piece
	l   *lexer
	i   int
	out []Assignment
}

// assignment reads one of the parts between the commas.
func (s *setParser) assignment() bool {
	switch {
	case s.word(s.i, "NAMES"):
		s.i++
		return s.characterSet(true)
	case s.word(s.i, "CHARSET"):
		s.i++
		return s.characterSet(false)
	case s.word(s.i, "CHARACTER", "CHAR") && s.word(s.i+1, "SET"):
		s.i += 2
		return s.characterSet(false)
	}
	name, bare, ok := s.variable()
	if !ok || !s.op(s.i, "=") && !s.op(s.i, ":=") {
		return false
	}
	s.i++
	value, ok := s.value()
	switch name {
	case "tx_isolation":
		name = "transaction_isolation"
	case "tx_read_only":
		name = "transaction_read_only"
	}
	// @@transaction_isolation without a scope is about the next transaction.
	once := bare && strings.HasPrefix(name, "transaction_")
	s.out = append(s.out, Assignment{Name: name, Value: value, Once: once})
	return ok
}

// variable reads the name of a session variable; bare is @@name.
func (s *setParser) variable() (name string, bare, ok bool) {
	if s.i >= len(s.toks) {
		return "", false, false
	}
	text := strings.ToLower(string(s.text(s.i)))
	switch s.toks[s.i].kind {
	case tokVar:
		name, ok = strings.CutPrefix(text, "@@")
		if scope, rest, dotted := strings.Cut(name, "."); dotted {
			s.i++
			return rest, false, ok && (scope == "session" || scope == "local") && !strings.Contains(rest, ".")
		}
		s.i++
		return name, true, ok && name != ""
	case tokWord:
		if text == "session" || text == "local" {
			s.i++
			if s.i >= len(s.toks) || s.toks[s.i].kind != tokWord {
				return "", false, false
			}
			text = strings.ToLower(string(s.text(s.i)))
		}
		s.i++
		return text, false, text != "password" && !s.op(s.i, ".")
	}
	return "", false, false
}

// value reads a literal or a word that nothing follows but a comma.
func (s *setParser) value() (string, bool) {
	if s.i >= len(s.toks) {
		return "", false
	}
	sign := ""
	if s.op(s.i, "-") {
		sign = "-"
		s.i++
	}
	if s.i >= len(s.toks) {
		return "", false
	}
	t := s.toks[s.i]
	s.i++
	if s.i < len(s.toks) && !s.op(s.i, ",") {
		return "", false
	}
	switch t.kind {
	case tokNumber:
		v, ok := literal(s.l, &t)
		return sign + string(v.Text), ok
	case tokString:
		v, ok := literal(s.l, &t)
		return string(v.Text), ok && sign == ""
	case tokWord:
		w := string(s.text(s.i - 1))
		return w, sign == "" && !strings.EqualFold(w, "DEFAULT") && !strings.EqualFold(w, "NULL")
	}
	return "", false
}

// characterSet reads the rest of SET NAMES or SET CHARACTER SET.
func (s *setParser) characterSet(names bool) bool {
	cs, ok := s.charsetName()
	if !ok {
		return false
	}
	collation, connection := "", ""
	if names {
		connection = cs
		if s.word(s.i, "COLLATE") {
			s.i++
			if collation, ok = s.charsetName(); !ok {
				return false
			}
		}
	}
	s.out = append(s.out,
		Assignment{Name: "character_set_client", Value: cs}, Assignment{Name: "character_set_results", Value: cs},
		Assignment{Name: "character_set_connection", Value: connection}, Assignment{Name: "collation_connection", Value: collation})
	return true
}

// charsetName reads the name of a character set or collation, bare or quoted.
func (s *setParser) charsetName() (string, bool) {
	if s.i >= len(s.toks) {
		return "", false
	}
	t := s.toks[s.i]
	s.i++
	switch t.kind {
	case tokWord:
		w := strings.ToLower(string(s.text(s.i - 1)))
		return w, w != "default"
	case tokString:
		v, ok := literal(s.l, &t)
		return strings.ToLower(string(v.Text)), ok
	}
	return "", false
}

// transaction reads the characteristics of SET TRANSACTION.
func (s *setParser) transaction(once bool) ([]Assignment, bool) {
	for {
		a := Assignment{Once: once}
		switch {
		case s.word(s.i, "ISOLATION") && s.word(s.i+1, "LEVEL"):
			a.Name = "transaction_isolation"
			s.i += 2
			if a.Value = s.isolation(); a.Value == "" {
				return nil, false
			}
		case s.word(s.i, "READ") && s.word(s.i+1, "ONLY", "WRITE"):
			a.Name, a.Value = "transaction_read_only", "OFF"
			if s.word(s.i+1, "ONLY") {
				a.Value = "ON"
			}
			s.i += 2
		default:
			return nil, false
		}
		s.out = append(s.out, a)
		if s.i == len(s.toks) {
			return s.out, true
		}
		if !s.op(s.i, ",") {
			return nil, false
		}
		s.i++
	}
}

// isolation reads a level and gives the variable's value; "" if it is none.
func (s *setParser) isolation() string {
	switch {
	case s.word(s.i, "SERIALIZABLE"):
		s.i++
		return "SERIALIZABLE"
	case s.word(s.i, "REPEATABLE") && s.word(s.i+1, "READ"):
		s.i += 2
		return "REPEATABLE-READ"
	case s.word(s.i, "READ") && s.word(s.i+1, "COMMITTED"):
		s.i += 2
		return "READ-COMMITTED"
	case s.word(s.i, "READ") && s.word(s.i+1, "UNCOMMITTED"):
		s.i += 2
		return "READ-UNCOMMITTED"
	}
	return ""
}
