package schema

import (
	"errors"
	"fmt"
	"strings"
)

// Queryer runs one statement on one connection and returns its rows as the
// text protocol prints them, nil for NULL; no rows for a statement without a
// result. Every call must use the same connection, with results in utf8mb4.
// Load keeps the rows it is given.
type Queryer interface {
	Query(sql string) (rows [][][]byte, err error)
}

// Options are what Load cannot find out on the server.
type Options struct {
	// CollationExact says whether text of the collation can be compared here
	// exactly as the server does. A table with a key over any other collation
	// is refused. Nil means that only binary collations can.
	CollationExact func(collation string) bool
	// Lane names the lane that a table's writes would go to. Nil means that all
	// go to the same.
	Lane func(Name) string
}

// ErrUnsupported marks a server that is too old or a session that would not
// show the schema faithfully.
var ErrUnsupported = errors.New("unsupported server")

// errChanged says that the rows read do not fit together: DDL ran meanwhile.
var errChanged = errors.New("the schema changed while it was read")

// loadAttempts is how often Load starts over when DDL runs while it reads.
const loadAttempts = 3

// Load reads the schema of the server. Tables that want names get a Table,
// absorbable or with the reasons why not; all others only count as ways to
// reach an absorbed one. want is asked with names as the server spells them,
// never for the server's own databases nor for shock_absorber.
//
// Load changes sql_mode and sql_quote_show_create of q's session and sets them
// back. The error wraps ErrUnsupported for a server it does not know.
func Load(q Queryer, want func(Name) bool, o Options) (*Catalog, error) {
	s, o, restore, err := prepare(q, o)
	if err != nil {
		return nil, err
	}
	cat, err := loadSession(q, s, want, o)
	if rerr := restore(); err == nil {
		err = rerr
	}
	if err != nil {
		return nil, err
	}
	return cat, nil
}

// prepare finds out what server it is, and sets the variables of the session by
// which it shows the schema faithfully; restore sets them back.
func prepare(q Queryer, o Options) (s server, all Options, restore func() error, err error) {
	if s, err = readServer(q); err != nil {
		return s, o, nil, err
	}
	if o.CollationExact == nil {
		o.CollationExact = binaryCollation
	}
	if _, err := q.Query("SET SESSION sql_mode = '', sql_quote_show_create = 1"); err != nil {
		return s, o, nil, fmt.Errorf("prepare the session: %w", err)
	}
	return s, o, func() error {
		if _, err := q.Query(fmt.Sprintf("SET SESSION sql_mode = %s, sql_quote_show_create = %s", quote(s.sqlMode), s.quoteShow)); err != nil {
			return fmt.Errorf("restore the session: %w", err)
		}
		return nil
	}, nil
}

// loadSession reads and builds with the session's variables set: no mode that
// changes quoting, names always quoted.
func loadSession(q Queryer, s server, want func(Name) bool, o Options) (*Catalog, error) {
	for attempt := 1; ; attempt++ {
		r, err := readAll(q, s, want)
		if err != nil {
			return nil, err
		}
		cat, err := build(q, s, r, o)
		if err == nil || !errors.Is(err, errChanged) || attempt == loadAttempts {
			return cat, err
		}
	}
}

// binaryCollation holds for collations that compare bytes or code points.
func binaryCollation(collation string) bool {
	return collation == "binary" || strings.HasSuffix(collation, "_bin")
}

// quote makes a string literal for a session without NO_BACKSLASH_ESCAPES.
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s) + "'"
}

// quoteName makes a quoted identifier.
func quoteName(s string) string { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }
