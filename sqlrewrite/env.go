package sqlrewrite

import (
	"bytes"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// Env is what of a session changes a statement's meaning. The proxy fills it
// and gives the same value to Plan and to the Bind methods of one execution.
type Env struct {
	DB      string
	Mode    SQLMode
	Charset string // character_set_client = connection = results: "utf8mb4", "utf8mb3", "latin1", ...; "" if they differ
	// ConnCollation is collation_connection.
	ConnCollation  string
	Location       *time.Location // session time_zone; nil if the proxy cannot compute it
	Now            time.Time      // the statement's instant; fixed timestamp if the session set one
	FoundRows      bool           // CLIENT_FOUND_ROWS
	AutoIncrement  struct{ Increment, Offset uint64 }
	LowerCaseNames int // lower_case_table_names of the server
	Dialect        schema.Dialect
	// Version is the server's, 8.4.2 as 80402; 0 if it is not known. Some forms
	// are computed here only if it is.
	Version int
	// Missing are functions of Functions that the server does not have by itself:
	// a stored one may have the name, or there is none.
	Missing map[string]bool
	// Shadows says that the caller knows Plan's Shadow, Index, Ignore, MovesKey
	// and Conditional, the verbs Replace and Upsert, and Matches. Without it,
	// only what needs none of them is absorbed.
	Shadows bool
	// Temporary holds the names (lower case "db.table") of what may be temporary
	// tables of the session. They are never absorbed; they still count as
	// touched, so a name too many is safe.
	Temporary                      map[string]bool
	ForeignKeyChecks, UniqueChecks bool
}

// SQLMode is the part of sql_mode that matters here; bits.
type SQLMode uint32

const (
	ModeStrict SQLMode = 1 << iota // STRICT_TRANS_TABLES or STRICT_ALL_TABLES
	ModeNoZeroDate
	ModeNoZeroInDate
	ModeAllowInvalidDates
	ModeANSIQuotes
	ModeNoBackslashEscapes
	ModePadCharToFullLength
	ModeNoAutoValueOnZero
	ModePipesAsConcat
	ModeIgnoreSpace
	ModeHighNotPrecedence
	ModeNoUnsignedSubtraction
	ModeTimeTruncateFractional
	ModeErrorForDivisionByZero
	ModeOther // any mode not listed that could change a result: not absorbed
)

// Catalog answers what the planner needs to know of the schema; absorber's
// engine implements it from a snapshot, so one Plan sees one state.
type Catalog interface {
	// Version changes whenever any answer below may have changed.
	Version() uint64
	// Absorbed returns the table if it is absorbed now, else nil. Names are
	// as written in the statement, db filled in; the catalog folds case as the
	// server does.
	Absorbed(name schema.Name) *schema.Table
	// TouchedBy returns the absorbed tables behind an identifier that may be
	// a table, view, routine, or a table whose triggers reach absorbed tables;
	// bare identifier, any database (over-approximation).
	TouchedBy(identifier string) []schema.Name
	// WrittenBy is TouchedBy for a statement that writes, with the tables that
	// foreign keys connect to what it names. With inserts it only adds rows.
	WrittenBy(identifier string, inserts bool) []schema.Name
	// WrittenWith is WrittenBy for an absorbed table, by its full name.
	WrittenWith(name schema.Name, inserts bool) []schema.Name
	// Defines reports whether a routine of that name, bare as for TouchedBy, may
	// change definitions or rights (over-approximation).
	Defines(identifier string) bool
	// Indirect reports whether something else than a table by that name, bare as
	// for TouchedBy, may reach absorbed tables (over-approximation).
	Indirect(identifier string) bool
	// All returns every absorbed table.
	All() []schema.Name
}

// storeMode is what row.Store needs of the session.
func (e *Env) storeMode() row.StoreMode {
	return row.StoreMode{
		Dialect:                e.Dialect,
		Strict:                 e.Mode&ModeStrict != 0,
		NoZeroDate:             e.Mode&ModeNoZeroDate != 0,
		NoZeroInDate:           e.Mode&ModeNoZeroInDate != 0,
		AllowInvalidDates:      e.Mode&ModeAllowInvalidDates != 0,
		TimeTruncateFractional: e.Mode&ModeTimeTruncateFractional != 0,
		Location:               e.Location,
	}
}

// tableName folds an identifier that names a table or an alias, as the server
// compares them.
func (e *Env) tableName(s string) string {
	if e.LowerCaseNames == 0 {
		return s
	}
	return strings.ToLower(s)
}

// binary reports whether the session's strings are bytes without a character
// set: they compare and convert by rules of their own.
func (e *Env) binary() bool { return e.Charset == "binary" || e.ConnCollation == "binary" }

// sameText reports whether a string of the session is the same in utf8mb4. In
// swe7 some bytes below 0x80 are letters.
func (e *Env) sameText(s []byte) bool { return ascii(s) && e.Charset != "swe7" }

// keyText gives a string of the session in utf8mb4, to be compared with a
// column; false if the conversion is not known, or the strings are not compared
// as text.
func (e *Env) keyText(c *schema.Column, s []byte) ([]byte, bool) {
	text := textual(c.Type) || c.Type == schema.Enum || c.Type == schema.Set
	switch {
	case e.sameText(s):
		return s, true
	case e.Charset == "latin1" && text:
		return row.FromLatin1(s), true
	case e.Charset == "utf8mb3" && text:
		return s, utf8.Valid(s) && !bytes.ContainsFunc(s, func(r rune) bool { return r > 0xffff })
	case e.Charset == "binary" && textual(c.Type):
		// Compared as bytes: rows that have them are among those that have the text.
		return s, utf8.Valid(s) && (c.Charset == "utf8mb4" || c.Charset == "utf8mb3")
	}
	return nil, false
}
