package proxy

import (
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// oddVariables are session variables that change what an absorbed statement
// would do in MySQL and that the planner knows nothing of. A statement that sets
// one by name makes the session odd for good; oddNow finds those that were set
// unseen, by a routine or a text that was prepared.
var oddVariables = []string{"timestamp", "insert_id", "identity", "rand_seed", "pseudo_", "sql_auto_is_null", "sql_log_bin", "gtid_",
	"transaction_read_only", "tx_read_only", "read only", "lc_messages", "old_mode", "wsrep_", "check_constraint_checks", "statement",
	// These change what MySQL computes on a shadow, whose session does not have them.
	"div_precision_increment", "group_concat_max_len", "default_week_format", "lc_time_names", "sql_safe_updates", "max_error_count",
	"sql_notes", "max_sort_length", "block_encryption_mode", "default_collation_for_utf8mb4", "character_set_collations",
	"explicit_defaults_for_timestamp"}

// setsOdd reports whether a statement that may set variables sets one of them;
// for a routine that is not known, and it is taken to set none.
func setsOdd(sql string) bool {
	lower := strings.ToLower(sql)
	if !strings.Contains(lower, "set") {
		return false
	}
	for _, name := range oddVariables {
		if strings.Contains(lower, name) {
			return true
		}
	}
	return false
}

// likeGlobal are session variables that have to be as in a new session, whose
// names all versions of both servers know.
var likeGlobal = []string{"div_precision_increment", "group_concat_max_len", "default_week_format", "lc_time_names", "lc_messages",
	"sql_safe_updates", "max_error_count", "sql_notes", "max_sort_length", "sql_auto_is_null"}

// oddNow is an expression that is 1 if a variable is not as an absorbed
// statement needs it. A timestamp that is set is one that stands still. With
// the state of transactions, GTIDs or statement_id tracked, every OK packet tells
// something that only MySQL knows.
func oddNow(d schema.Dialect) string {
	var b strings.Builder
	for _, name := range likeGlobal {
		b.WriteString("@@" + name + " <> @@global." + name + " OR ")
	}
	b.WriteString("@@insert_id <> 0 OR NOT @@sql_log_bin OR ABS(@@timestamp - UNIX_TIMESTAMP(SYSDATE(6))) > 1 OR @@session_track_transaction_info <> 'OFF' OR ")
	if d == schema.MariaDB {
		return b.String() + "@@tx_read_only"
	}
	return b.String() + "@@transaction_read_only OR @@session_track_gtids <> 'OFF' OR @@session_track_system_variables = '*' OR @@session_track_system_variables LIKE '%statement_id%'"
}
