package sqlrewrite

import (
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// Verb is what the proxy does with a statement.
type Verb uint8

const (
	PassThrough Verb = iota // forward it; Reads/Writes say what it touches
	Insert                  // absorb: INSERT ... VALUES or SET
	Update                  // absorb: UPDATE by primary or unique key
	Delete                  // absorb: DELETE by primary or unique key
	PointRead               // SELECT by primary or unique key
	Replace                 // absorb: REPLACE ... VALUES or SET
	Upsert                  // absorb: INSERT ... ON DUPLICATE KEY UPDATE
)

// String names the verb as metrics show it.
func (v Verb) String() string {
	return [...]string{"passthrough", "insert", "update", "delete", "pointread", "replace", "upsert"}[v]
}

// Reason names why a statement that touches an absorbed table is not absorbed;
// a metric label, snake_case, one constant each in reason.go. "" = none.
type Reason string

// Effect is what a passed-through statement may do to the session besides its
// answer; bits. They are over-approximated: a missing bit would be wrong, one
// too many costs a look at the server.
type Effect uint32

const (
	EffectBegin     Effect = 1 << iota // BEGIN, START TRANSACTION, XA START
	EffectEnd                          // COMMIT, ROLLBACK (not TO SAVEPOINT), XA COMMIT and ROLLBACK, whatever commits implicitly
	EffectSavepoint                    // SAVEPOINT, ROLLBACK TO, RELEASE SAVEPOINT
	EffectSession                      // SET, CALL, anything that may change session variables: re-read them before absorbing
	EffectDB                           // USE, DROP DATABASE: Plan.Database; if that is empty, ask SELECT DATABASE()
	EffectTempTable                    // Plan.Temporary may be temporary tables from now on: see Env.Temporary
	EffectTempDrop                     // DROP TABLE: Plan.Temporary are no temporary tables any more, if it succeeds
	EffectLock                         // LOCK TABLES, FLUSH TABLES WITH READ LOCK, HANDLER OPEN, XA: gates stay until EffectUnlock
	EffectUnlock                       // UNLOCK TABLES, HANDLER CLOSE, XA COMMIT/ROLLBACK
	EffectDDL                          // the catalog must be read again afterwards
	EffectPrepare                      // PREPARE Plan.Prepared; what EXECUTE of it will do is Plan.Inner
	EffectExecute                      // EXECUTE Plan.Prepared: it does what the Plan.Inner of its PREPARE says
	EffectMayDefine                    // CALL of a routine that may run DDL, GRANT or REVOKE: see EffectDDL
	EffectUnknown                      // touches cannot be known: treat as touching every absorbed table

	// EffectNone is a statement that only answers.
	EffectNone Effect = 0
	// effectAnything is what a statement that cannot be read may do.
	effectAnything = EffectBegin | EffectEnd | EffectSession | EffectLock | EffectUnlock | EffectDDL | EffectUnknown
)

// Use is what of the previous statement's outcome a statement asks for; bits.
// MySQL cannot know the outcome of an absorbed statement, so the proxy has to
// put it there or answer itself.
type Use uint8

const (
	UseInsertID  Use = 1 << iota // LAST_INSERT_ID, @@identity, @@last_insert_id
	UseRowCount                  // ROW_COUNT()
	UseFoundRows                 // FOUND_ROWS()
	UseWarnings                  // SHOW WARNINGS/ERRORS, @@warning_count, @@error_count, GET DIAGNOSTICS
)

// Arg is the value of one literal or one parameter.
type Arg = row.Value

// Plan is what is known of all statements that differ only in their literals.
// It is shared between sessions and never changed.
type Plan struct {
	Verb Verb
	// Reason says why a statement that touches an absorbed table is passed
	// through, or with ShadowMust, why it cannot be computed here.
	Reason Reason
	Effect Effect
	Uses   Use
	// Reads and Writes are the absorbed tables the statement may touch, without
	// repeats; a table in Writes is not in Reads. They are also filled for
	// absorbed verbs: when a Bind method gives a Reason, forward the statement
	// with them.
	Reads, Writes []schema.Name
	// Named are, for tables in Reads by "db.table", the positions of the columns on
	// which a SELECT depends besides on what rows there are; of a table that is
	// not in it, it may be any.
	Named map[string][]int
	// Snapshot says whether it takes a transaction's snapshot.
	Snapshot Snapshot
	// Database is what USE names (EffectDB); "" if that is not known.
	Database string
	// Defined are the tables that are defined anew, if they are all that the
	// statement changes in the catalog (EffectDDL); none if that is not known.
	Defined []schema.Name
	// Temporary are tables, lower case "db.table" (EffectTempTable, EffectTempDrop).
	Temporary []string
	// Prepared is the name, in lower case, of a statement prepared or executed
	// by text (EffectPrepare, EffectExecute); "" means that it may be any.
	Prepared string
	// Inner is what EXECUTE of the prepared statement will do (EffectPrepare).
	Inner *Plan

	// Table is the one table of an absorbed verb.
	Table *schema.Table
	// Columns are the positions of the columns a PointRead selects, in order.
	Columns []int
	// Assigned are the positions of the columns that an UPDATE or the UPDATE of
	// an Upsert sets, ascending.
	Assigned []int
	// AssignsUnique reports whether one of them is in a unique index.
	AssignsUnique bool
	// MovesKey reports whether one of them is in the primary key, which the
	// AUTO_INCREMENT column always is: the row may get another key.
	MovesKey bool
	// Ignore is INSERT, UPDATE or DELETE IGNORE.
	Ignore bool
	// Shadow says how an absorbed verb may be executed.
	Shadow Shadow
	// Index is the unique index whose values name the rows (IndexKeys); nil
	// means that it is the primary key (Keys). It points into Table.Uniques.
	Index *schema.Index
	// Scans says that WHERE names no key: a ScanQuery finds the rows of this plan,
	// which has ShadowMust, and not Candidates.
	Scans bool
	// Conditional reports whether WHERE says more than the key: Matches.
	Conditional bool

	slots  int // literals and parameters
	insert *insertPlan
	set    []assignment
	where  *keyPlan
	// shadowed is the plan of a session with a temporary table of this name.
	shadowed *Plan
}

// NewRow is one row of an absorbed INSERT.
type NewRow struct {
	Image row.Image
	// Generate asks the engine for an AUTO_INCREMENT value; the image's column
	// is nil until then.
	Generate bool
}

// Statement is a Plan and the values of one text's literals.
type Statement struct {
	Plan *Plan
	// NumParams is the number of parameter markers. A statement that has some
	// and comes without parameters is a syntax error, MySQL's to report.
	NumParams int
	slots     []Arg
	params    []int32 // for each slot the parameter's index, -1 for a literal; nil if there are only literals
}

// Markers tells which of the literals and parameters are parameters: two
// statements of one plan with the same Markers are prepared alike.
func (s *Statement) Markers() string {
	b := make([]byte, len(s.slots))
	for i := range b {
		b[i] = 'l'
		if s.NumParams > 0 && (s.params == nil || s.params[i] >= 0) {
			b[i] = '?'
		}
	}
	return string(b)
}

// Args gives the values of all literals and parameters in the order of the
// text, as the Bind methods of Plan want them. Literals alias the SQL text
// given to Planner.Plan. With too few params the result is too short and every
// Bind method answers ReasonParameters.
func (s *Statement) Args(params []Arg) []Arg {
	if s.NumParams == 0 {
		return s.slots
	}
	if len(params) < s.NumParams {
		return nil
	}
	if len(s.slots) == s.NumParams {
		return params[:s.NumParams]
	}
	args := make([]Arg, len(s.slots))
	for i, p := range s.params {
		if p < 0 {
			args[i] = s.slots[i]
		} else {
			args[i] = params[p]
		}
	}
	return args
}
