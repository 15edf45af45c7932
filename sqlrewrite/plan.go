package sqlrewrite

import (
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// Verb is what the proxy does with a statement.
type Verb uint8

const (
	PassThrough Verb = iota // forward it; Reads/Writes say what it touches
	Insert                  // absorb: INSERT ... VALUES
	Update                  // absorb: UPDATE by primary key
	Delete                  // absorb: DELETE by primary key
	PointRead               // SELECT of plain columns by primary key
)

// Reason names why a statement that touches an absorbed table is not absorbed;
// a metric label, snake_case, one constant each in reason.go. "" = none.
type Reason string

// Effect is what a passed-through statement may do to the session besides its
// answer; bits.
type Effect uint32

const (
	EffectNone      Effect = 0
	EffectBegin     Effect = 1 << iota // BEGIN, START TRANSACTION, XA START
	EffectEnd                          // COMMIT, ROLLBACK (not TO SAVEPOINT), XA END...
	EffectSession                      // SET, CALL, anything that may change session variables: re-read them before absorbing
	EffectDB                           // USE
	EffectTempTable                    // CREATE/DROP TEMPORARY TABLE: Names holds the table names
	EffectLock                         // LOCK TABLES, FLUSH TABLES WITH READ LOCK, HANDLER OPEN, XA: gates stay until EffectUnlock
	EffectUnlock                       // UNLOCK TABLES, HANDLER CLOSE, XA COMMIT/ROLLBACK
	EffectDDL                          // the catalog must be read again afterwards
	EffectPrepare                      // PREPARE name FROM ...
	EffectExecute                      // EXECUTE name
	EffectUnknown                      // touches cannot be known: treat as touching every absorbed table
)

// Kind is the class of a literal or parameter.
type Kind uint8

const (
	KindNull     Kind = iota
	KindInt           // Text is canonical decimal, maybe negative
	KindUint          // from the binary protocol, unsigned
	KindDecimal       // 12.50
	KindFloat         // 1e3, or a binary-protocol double/float (Text = shortest exact form)
	KindString        // Text in utf8mb4
	KindBytes         // x'..', 0x.., b'..' and binary-protocol BLOB parameters
	KindDate          // binary-protocol DATE, Text canonical
	KindDatetime      // binary-protocol DATETIME/TIMESTAMP, Text canonical with given fraction
	KindTime          // binary-protocol TIME
	KindDefault       // the word DEFAULT is not a parameter; used inside plans only
)

// Arg is the value of one literal or one parameter.
type Arg struct {
	Kind Kind
	Text []byte // nil for KindNull
	// Float32 marks a KindFloat that came as a 4-byte float.
	Float32 bool
}

// Env is what of a session changes a statement's meaning. The proxy fills it
// and gives the same value to Plan and to the Bind methods of one execution.
type Env struct {
	DB      string
	Mode    SQLMode
	Charset string // character_set_client = connection = results: "utf8mb4", "utf8mb3", "latin1", ...; "" if they differ
	// ConnCollation is collation_connection.
	ConnCollation                  string
	Location                       *time.Location // session time_zone; nil if the proxy cannot compute it
	Now                            time.Time      // the statement's instant; fixed timestamp if the session set one
	FoundRows                      bool           // CLIENT_FOUND_ROWS
	AutoIncrement                  struct{ Increment, Offset uint64 }
	LowerCaseNames                 int // lower_case_table_names of the server
	Dialect                        schema.Dialect
	Temporary                      map[string]bool // names (lower case "db.table") of the session's temporary tables
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
	// a table, view, routine, or a table whose triggers or foreign keys reach
	// absorbed tables; bare identifier, any database (over-approximation).
	TouchedBy(identifier string) []schema.Name
	// All returns every absorbed table.
	All() []schema.Name
}

// NewRow is one row of an absorbed INSERT.
type NewRow struct {
	Image row.Image
	// Generate asks the engine for an AUTO_INCREMENT value; the image's column
	// is nil until then.
	Generate bool
}
