package proxy

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
	"github.com/rzpsarthak13/shock-absorber/sqlrewrite"
)

// variables are the session variables that change what a statement means.
type variables struct {
	mode        sqlrewrite.SQLMode
	modeText    string
	location    *time.Location // nil: the time zone cannot be computed here
	zone        string         // time_zone
	client      string         // character_set_client
	connection  string         // character_set_connection
	results     string         // character_set_results, "" for NULL
	shown       string         // the collation that column definitions name, "" if it is the login's
	collation   string         // collation_connection
	increment   uint64
	offset      uint64
	foreignKeys bool
	uniques     bool
	autocommit  bool
	literal     bool          // sql_select_limit, sql_safe_updates and sql_auto_is_null leave statements as they stand
	odd         bool          // a variable that the planner does not know is not as in a new session
	isolation   string        // transaction_isolation
	ordinary    bool          // transactions may write, COMMIT does nothing else, and no answer describes them
	lockWait    time.Duration // innodb_lock_wait_timeout
	tableWait   time.Duration // lock_wait_timeout
	role        string        // for SET ROLE; "" until the session's own connection was asked
}

// variableColumns is the select list that parseVariables reads; the first %s is
// "" for the session's values and "global." for the defaults of new sessions,
// the second what the server begins the names of a transaction's variables with.
const variableColumns = "@@%[1]ssql_mode, @@%[1]stime_zone, " + systemZone + ", @@%[1]scharacter_set_client, " +
	"@@%[1]scharacter_set_connection, @@%[1]scharacter_set_results, @@%[1]scollation_connection, " +
	"@@%[1]sauto_increment_increment, @@%[1]sauto_increment_offset, @@%[1]sforeign_key_checks, @@%[1]sunique_checks, " +
	"@@%[1]sautocommit, @@%[1]ssql_select_limit > 9223372036854775806 AND NOT @@%[1]ssql_safe_updates AND NOT @@%[1]ssql_auto_is_null, @@%[1]s%[2]s_isolation, " +
	"@@%[1]s%[2]s_read_only = 0 AND @@%[1]scompletion_type = 'NO_CHAIN' AND @@%[1]ssession_track_transaction_info = 'OFF', @@%[1]sinnodb_lock_wait_timeout, @@%[1]slock_wait_timeout"

// variableCount is the number of columns in variableColumns.
const variableCount = 17

// variablesQuery is the query that reads them.
func (d *serverDefaults) variablesQuery(scope string) string {
	prefix := "transaction"
	if d.dialect() == schema.MariaDB { // before 11.1 it does not know the other
		prefix = "tx"
	}
	return "SELECT " + fmt.Sprintf(variableColumns, scope, prefix)
}

// parseVariables reads the columns of variableColumns.
func parseVariables(v [][]byte) (variables, error) {
	if len(v) < variableCount {
		return variables{}, fmt.Errorf("read the session's variables: %d columns instead of %d", len(v), variableCount)
	}
	vars := variables{
		modeText: string(v[0]), mode: parseMode(string(v[0])), location: parseZone(string(v[1]), string(v[2])), zone: string(v[1]),
		client: charset(v[3]), connection: charset(v[4]), results: charset(v[5]), collation: string(v[6]),
		foreignKeys: string(v[9]) == "1", uniques: string(v[10]) == "1", autocommit: string(v[11]) == "1", literal: string(v[12]) == "1",
		isolation: string(v[13]), ordinary: string(v[14]) == "1",
	}
	var err error
	if vars.increment, err = strconv.ParseUint(string(v[7]), 10, 64); err != nil {
		return variables{}, fmt.Errorf("read auto_increment_increment: %w", err)
	}
	if vars.offset, err = strconv.ParseUint(string(v[8]), 10, 64); err != nil {
		return variables{}, fmt.Errorf("read auto_increment_offset: %w", err)
	}
	for i, into := range []*time.Duration{&vars.lockWait, &vars.tableWait} {
		wait, err := strconv.ParseUint(string(v[15+i]), 10, 32)
		if err != nil {
			return variables{}, fmt.Errorf("read the limits of waits for locks: %w", err)
		}
		*into = time.Duration(max(wait, 1)) * time.Second
	}
	return vars, nil
}

// charset is a character set's name; MariaDB calls utf8mb3 "utf8" in some
// versions.
func charset(v []byte) string {
	if string(v) == "utf8" {
		return "utf8mb3"
	}
	return string(v)
}

// modes are the parts of sql_mode that the planner knows. Those that change
// nothing for absorbed statements map to 0; all others to ModeOther.
var modes = map[string]sqlrewrite.SQLMode{
	"STRICT_TRANS_TABLES":        sqlrewrite.ModeStrict,
	"STRICT_ALL_TABLES":          sqlrewrite.ModeStrict,
	"NO_ZERO_DATE":               sqlrewrite.ModeNoZeroDate,
	"NO_ZERO_IN_DATE":            sqlrewrite.ModeNoZeroInDate,
	"ALLOW_INVALID_DATES":        sqlrewrite.ModeAllowInvalidDates,
	"ANSI_QUOTES":                sqlrewrite.ModeANSIQuotes,
	"NO_BACKSLASH_ESCAPES":       sqlrewrite.ModeNoBackslashEscapes,
	"PAD_CHAR_TO_FULL_LENGTH":    sqlrewrite.ModePadCharToFullLength,
	"NO_AUTO_VALUE_ON_ZERO":      sqlrewrite.ModeNoAutoValueOnZero,
	"PIPES_AS_CONCAT":            sqlrewrite.ModePipesAsConcat,
	"IGNORE_SPACE":               sqlrewrite.ModeIgnoreSpace,
	"HIGH_NOT_PRECEDENCE":        sqlrewrite.ModeHighNotPrecedence,
	"NO_UNSIGNED_SUBTRACTION":    sqlrewrite.ModeNoUnsignedSubtraction,
	"TIME_TRUNCATE_FRACTIONAL":   sqlrewrite.ModeTimeTruncateFractional,
	"ERROR_FOR_DIVISION_BY_ZERO": sqlrewrite.ModeErrorForDivisionByZero,
	"NO_ENGINE_SUBSTITUTION":     0,
	"ONLY_FULL_GROUP_BY":         0,
	"NO_AUTO_CREATE_USER":        0,
	"NO_DIR_IN_CREATE":           0,
	"TRADITIONAL":                0, // always comes with what it stands for
	"ANSI":                       0,
	"REAL_AS_FLOAT":              0, // CREATE TABLE only
}

// parseMode reads sql_mode as the server prints it.
func parseMode(text string) (m sqlrewrite.SQLMode) {
	for _, name := range strings.Split(text, ",") {
		if name == "" {
			continue
		}
		bit, known := modes[name]
		if !known {
			bit = sqlrewrite.ModeOther
		}
		m |= bit
	}
	return m
}

// charsetName is the one character set of client, connection and results, ""
// if they differ.
func (v *variables) charsetName() string {
	if v.client == v.connection && v.client == v.results {
		return v.client
	}
	return ""
}

// refresh makes sure that the session's variables are known before sql is
// planned. Where a statement has changed them unseen, the session's backend
// connection is asked; not if sql asks for the outcome of the statement before,
// which that would wipe out, and not while nothing is absorbed.
func (s *session) refresh(ctx context.Context, absorbing bool, sql []byte) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	if !s.stale || !absorbing {
		return nil
	}
	st := s.shared.planner.Plan(sql, s.env(), s.shared.engine.Catalog())
	if st.Plan.Uses&^sqlrewrite.UseInsertID != 0 {
		return nil
	}
	rows, defs, err := s.result(ctx, s.shared.defaults.variablesQuery("")+", DATABASE(), FOUND_ROWS(), "+oddNow(s.shared.engine.Catalog().Dialect())+", @@wait_timeout, CURRENT_ROLE()")
	if err != nil {
		return err
	}
	if len(rows) != 1 {
		return fmt.Errorf("read the session's variables: %d rows", len(rows))
	}
	if s.vars, err = parseVariables(rows[0]); err != nil {
		return err
	}
	s.vars.odd = string(rows[0][variableCount+2]) == "1"
	s.vars.role = roleText(s.shared.engine.Catalog().Dialect(), rows[0][variableCount+4])
	if seconds, err := strconv.Atoi(string(rows[0][variableCount+3])); err == nil {
		s.conn.SetWaitTimeout(time.Duration(seconds) * time.Second)
	}
	s.usage.SetLockWait(s.vars.lockWait)
	text, err := wire.ParseColumnDef(defs[0], s.conn.Caps())
	if err != nil {
		return fmt.Errorf("read the session's variables: %w", err)
	}
	if !s.shared.defaults.ofLogin(text.Charset, s.conn.Collation()) {
		s.vars.shown = s.shared.defaults.name(text.Charset)
	}
	s.conn.SetDB(string(rows[0][variableCount]))
	if s.outcome.found == 0 { // the query itself has changed it
		s.outcome.found, _ = strconv.Atoi(string(rows[0][variableCount+1]))
		s.outcome.found++
	}
	s.stale = false
	return nil
}

// begin gives a new session the variables it starts with.
func (s *session) begin(ctx context.Context) error {
	if !s.fresh {
		return nil
	}
	v, ok, err := s.shared.defaults.session(ctx, &s.conn.srv.patience, s.conn.Collation())
	if err != nil {
		return clientError(err)
	}
	s.vars, s.fresh, s.stale = v, false, !ok
	s.conn.SetWaitTimeout(s.shared.defaults.timeout(s.conn.Caps().Has(wire.CapInteractive)))
	s.usage.SetLockWait(v.lockWait)
	return nil
}
