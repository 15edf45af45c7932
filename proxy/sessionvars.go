package proxy

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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

// serverDefaults are the variables that a new session starts with, as the
// backend's globals say; they are read again every globalsTTL.
type serverDefaults struct {
	query   func(ctx context.Context, sql string) ([][][]byte, error)
	dialect func() schema.Dialect
	lacks   func(ctx context.Context, functions []string) (map[string]bool, error)
	honours func(ctx context.Context) (bool, error)

	mu                sync.Mutex
	at                time.Time
	vars              variables
	honoured          bool          // new sessions start with the character set that they log in with
	plain             bool          // and otherwise with the globals: init_connect is empty
	wait, interactive time.Duration // wait_timeout of new sessions, and of those of interactive clients
	collations        map[uint16]collation
	utf8mb4           string // its default collation; "" if that depends on the session
	version           string // of the server that was asked for its functions
	functions         atomic.Pointer[map[string]bool]
}

// missing are the functions that the server does not have by itself.
func (d *serverDefaults) missing() map[string]bool {
	if m := d.functions.Load(); m != nil {
		return *m
	}
	return nil
}

// collation is a row of information_schema.COLLATIONS.
type collation struct{ name, charset string }

// globalsTTL is how long a change of a global variable may go unnoticed here.
const globalsTTL = 10 * time.Second

// session gives the variables of a session that logged in with a collation id.
// ok is false if only the session's own backend connection can tell.
func (d *serverDefaults) session(ctx context.Context, id uint16) (v variables, ok bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Since(d.at) > globalsTTL {
		if err := d.read(ctx); err != nil && d.at.IsZero() {
			return variables{}, false, err
		}
	}
	c, known := d.collations[id]
	v = d.vars
	v.client, v.connection, v.results, v.collation = c.charset, c.charset, c.charset, c.name
	return v, known && d.plain, nil
}

// timeout is wait_timeout of a new session.
func (d *serverDefaults) timeout(interactive bool) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if interactive {
		return d.interactive
	}
	return d.wait
}

// name is a collation's name, "" for an unknown one.
func (d *serverDefaults) name(id uint16) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.collations[id].name
}

// ofLogin reports whether column definitions that name a collation do so because
// the session logged in with it.
func (d *serverDefaults) ofLogin(id, login uint16) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.honoured && id == login
}

// read asks the backend. If it is away, what was known stays good.
func (d *serverDefaults) read(ctx context.Context) error {
	rows, err := d.query(ctx, d.variablesQuery("global.")+", @@global.init_connect, @@global.wait_timeout, @@global.interactive_timeout, VERSION()")
	if err != nil {
		return fmt.Errorf("read the backend's global variables: %w", err)
	}
	if len(rows) != 1 || len(rows[0]) != variableCount+4 {
		return fmt.Errorf("read the backend's global variables: not one row of %d columns", variableCount+4)
	}
	vars, err := parseVariables(rows[0])
	if err != nil {
		return fmt.Errorf("read the backend's global variables: %w", err)
	}
	more := rows[0][variableCount:]
	wait, err := seconds(more[1])
	if err != nil {
		return fmt.Errorf("read the backend's wait_timeout: %w", err)
	}
	interactive, err := seconds(more[2])
	if err != nil {
		return fmt.Errorf("read the backend's interactive_timeout: %w", err)
	}
	// Another server may be there now, of another version, with other functions and collations.
	version, functions, collations, utf8mb4 := string(more[3]), d.functions.Load(), d.collations, d.utf8mb4
	if version != d.version {
		lacks, err := d.lacks(ctx, sqlrewrite.Functions())
		if err != nil {
			return err
		}
		functions = &lacks
		if collations, utf8mb4, err = d.readCollations(ctx); err != nil {
			return err
		}
	}
	honoured, err := d.honours(ctx)
	if err != nil {
		return err
	}
	// All of it or nothing: half of another server's would be wrong for both.
	d.vars, d.wait, d.interactive = vars, wait, interactive
	d.version, d.honoured, d.plain = version, honoured, honoured && len(more[0]) == 0
	d.collations, d.utf8mb4 = collations, utf8mb4
	d.functions.Store(functions)
	d.at = time.Now()
	return nil
}

// readCollations asks which collations there are, and for utf8mb4's own one.
func (d *serverDefaults) readCollations(ctx context.Context) (map[uint16]collation, string, error) {
	rows, err := d.query(ctx, "SELECT ID, COLLATION_NAME, CHARACTER_SET_NAME FROM information_schema.COLLATIONS WHERE ID IS NOT NULL AND CHARACTER_SET_NAME IS NOT NULL")
	if err != nil {
		return nil, "", fmt.Errorf("read the backend's collations: %w", err)
	}
	all := make(map[uint16]collation, len(rows))
	for _, r := range rows {
		id, err := strconv.ParseUint(string(r[0]), 10, 16)
		if err != nil {
			continue // MariaDB 11's collations above 65535 cannot be in a handshake
		}
		all[uint16(id)] = collation{string(r[1]), charset(r[2])}
	}
	rows, err = d.query(ctx, "SELECT DEFAULT_COLLATE_NAME FROM information_schema.CHARACTER_SETS WHERE CHARACTER_SET_NAME = 'utf8mb4'")
	if err != nil {
		return nil, "", fmt.Errorf("read the default collation of utf8mb4: %w", err)
	}
	if len(rows) != 1 {
		return nil, "", fmt.Errorf("read the default collation of utf8mb4: %d rows", len(rows))
	}
	return all, string(rows[0][0]), nil
}

// seconds reads a variable that is a number of seconds.
func seconds(v []byte) (time.Duration, error) {
	n, err := strconv.Atoi(string(v))
	return time.Duration(n) * time.Second, err
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
	v, ok, err := s.shared.defaults.session(ctx, s.conn.Collation())
	if err != nil {
		return clientError(err)
	}
	s.vars, s.fresh, s.stale = v, false, !ok
	s.conn.SetWaitTimeout(s.shared.defaults.timeout(s.conn.Caps().Has(wire.CapInteractive)))
	s.usage.SetLockWait(v.lockWait)
	return nil
}

// assign does one assignment of a SET, if it is one whose outcome is certain.
func (d *serverDefaults) assign(v *variables, a sqlrewrite.Assignment) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch a.Name {
	case "autocommit":
		on := strings.EqualFold(a.Value, "ON") || a.Value == "1"
		v.autocommit = on
		return on // a session without autocommit needs its backend connection anyway
	case "character_set_client", "character_set_results", "character_set_connection":
		if !strings.EqualFold(a.Value, "utf8mb4") {
			return false
		}
		switch a.Name {
		case "character_set_client":
			v.client = "utf8mb4"
		case "character_set_results":
			v.results, v.shown = "utf8mb4", d.utf8mb4
		default:
			v.connection = "utf8mb4"
		}
		return true
	case "collation_connection":
		if a.Value == "" {
			v.collation = d.utf8mb4
			return d.utf8mb4 != ""
		}
		for _, c := range d.collations {
			if strings.EqualFold(c.name, a.Value) && c.charset == "utf8mb4" {
				v.collation = c.name
				return true
			}
		}
	}
	return false
}
