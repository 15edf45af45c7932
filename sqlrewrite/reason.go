package sqlrewrite

// The reasons, in the order in which they are looked for. Each has a line in
// reasonText, and a test keeps DESIGN.md's table in step with it.
const (
	ReasonMalformed         Reason = "malformed"
	ReasonMultiStatement    Reason = "multi_statement"
	ReasonExecutableComment Reason = "executable_comment"
	ReasonOptimizerHint     Reason = "optimizer_hint"
	ReasonSQLMode           Reason = "sql_mode"
	ReasonSessionCharset    Reason = "session_charset"
	ReasonPrepared          Reason = "prepared_text"
	ReasonStatement         Reason = "statement_kind"
	ReasonReplace           Reason = "replace"
	ReasonTemporary         Reason = "temporary_table"
	ReasonOtherTable        Reason = "other_table"
	ReasonSyntax            Reason = "syntax"
	ReasonIgnore            Reason = "ignore"
	ReasonPriority          Reason = "priority"
	ReasonInsertSelect      Reason = "insert_select"
	ReasonOnDuplicateKey    Reason = "on_duplicate_key"
	ReasonReturning         Reason = "returning"
	ReasonPartition         Reason = "partition"
	ReasonSeveralTables     Reason = "several_tables"
	ReasonIndexHint         Reason = "index_hint"
	ReasonLockingRead       Reason = "locking_read"
	ReasonSelectOption      Reason = "select_option"
	ReasonSelectClause      Reason = "select_clause"
	ReasonSelectExpression  Reason = "select_expression"
	ReasonNoKey             Reason = "no_key"
	ReasonCondition         Reason = "condition"
	ReasonOrderBy           Reason = "order_by"
	ReasonLimit             Reason = "limit"
	ReasonUnknownColumn     Reason = "unknown_column"
	ReasonColumnCount       Reason = "column_count"
	ReasonDuplicateColumn   Reason = "duplicate_column"
	ReasonGeneratedColumn   Reason = "generated_column"
	ReasonComputed          Reason = "computed_table"
	ReasonKeyUpdate         Reason = "key_update"
	ReasonAutoUpdate        Reason = "auto_increment_update"
	ReasonExpression        Reason = "expression"
	ReasonNoDefault         Reason = "no_default"
	ReasonDefaultExpression Reason = "default_expression"
	ReasonMixedAuto         Reason = "mixed_auto_increment"
	ReasonVariable          Reason = "variable"
	ReasonSubquery          Reason = "subquery"
	ReasonFunction          Reason = "function"
	ReasonSecondReading     Reason = "second_reading"
	ReasonParameters        Reason = "parameters"
	ReasonKeyValue          Reason = "key_value"
	ReasonValue             Reason = "value_not_exact"
	ReasonRange             Reason = "arithmetic_range"
	ReasonTimeZone          Reason = "time_zone"
	ReasonSeveralRows       Reason = "several_rows"
	ReasonScanRows          Reason = "scan_rows"
)

// reasonText explains each reason to operators, in one line.
var reasonText = map[Reason]string{
	ReasonMalformed:         "an unterminated string, identifier or comment, or a literal no server accepts",
	ReasonMultiStatement:    "several statements in one text",
	ReasonExecutableComment: "a comment such as /*!50000 */, which each server reads differently",
	ReasonOptimizerHint:     "an optimizer hint, which may set variables",
	ReasonSQLMode:           "a sql_mode that changes what is parsed, stored or shown",
	ReasonSessionCharset:    "the session's character set is not utf8mb4, and the text is not ASCII or the statement reads",
	ReasonPrepared:          "the text of PREPARE or EXECUTE IMMEDIATE",
	ReasonStatement:         "a kind of statement that is never absorbed",
	ReasonReplace:           "REPLACE",
	ReasonTemporary:         "the session has, or may have, a temporary table of that name",
	ReasonOtherTable:        "an absorbed table is reached through a view, a routine, a trigger or another table, or only its name occurs",
	ReasonSyntax:            "a form the proxy does not know",
	ReasonIgnore:            "IGNORE",
	ReasonPriority:          "LOW_PRIORITY, HIGH_PRIORITY, DELAYED or QUICK",
	ReasonInsertSelect:      "INSERT ... SELECT, TABLE or VALUES ROW",
	ReasonOnDuplicateKey:    "ON DUPLICATE KEY UPDATE, or the row alias it needs",
	ReasonReturning:         "RETURNING",
	ReasonPartition:         "PARTITION",
	ReasonSeveralTables:     "more than one table",
	ReasonIndexHint:         "USE, FORCE or IGNORE INDEX",
	ReasonLockingRead:       "FOR UPDATE, FOR SHARE or LOCK IN SHARE MODE",
	ReasonSelectOption:      "DISTINCT, SQL_CALC_FOUND_ROWS and the like",
	ReasonSelectClause:      "GROUP BY, HAVING, UNION, WINDOW, INTO and the like",
	ReasonSelectExpression:  "something other than plain columns is selected",
	ReasonNoKey:             "WHERE does not name the full primary key or a unique key by = or IN, joined by AND",
	ReasonCondition:         "WHERE says more than the key by = or IN, or joins it by OR",
	ReasonOrderBy:           "ORDER BY with more than one key, or a position in it",
	ReasonLimit:             "LIMIT that may leave out a row, or is no plain number",
	ReasonUnknownColumn:     "a column the table does not have, or a qualifier that is not the table",
	ReasonColumnCount:       "as many values as columns are needed",
	ReasonDuplicateColumn:   "a column is given twice",
	ReasonGeneratedColumn:   "a generated column is given a value, which MariaDB's shadow does not notice",
	ReasonComputed:          "the server computes columns of the row, or checks conditions on it, which only the shadow does",
	ReasonKeyUpdate:         "a column of the primary key is assigned, which only the shadow computes",
	ReasonAutoUpdate:        "the AUTO_INCREMENT column is assigned, which only the shadow computes",
	ReasonExpression:        "an expression the proxy cannot compute exactly",
	ReasonNoDefault:         "a NOT NULL column without default gets no value",
	ReasonDefaultExpression: "a default that MySQL has to evaluate, or that only its own table knows",
	ReasonMixedAuto:         "some rows bring an AUTO_INCREMENT value and others do not",
	ReasonVariable:          "a user or system variable",
	ReasonSubquery:          "a query within the statement",
	ReasonFunction:          "a function whose value may not follow from the row, the parameters and the session",
	ReasonSecondReading:     "TiDB's parser cannot read the statement, or reads it otherwise than the proxy does",
	ReasonParameters:        "fewer parameters than markers",
	ReasonKeyValue:          "a value that compares with the key's column by conversion, or NULL",
	ReasonValue:             "a value that the column would change, warn about or refuse",
	ReasonRange:             "arithmetic beyond BIGINT or DECIMAL or between types with rules of their own, or a clock beyond TIMESTAMP",
	ReasonTimeZone:          "the session's time zone cannot be computed here",
	ReasonScanRows:          "a statement without a key concerns more than about a hundred rows, or some megabytes of them",
	ReasonSeveralRows:       "several rows, and a result that may depend on the order in which they are read",
}

// Explain gives a reason's one line for people; "" for an unknown reason.
func (r Reason) Explain() string { return reasonText[r] }

// Reasons lists all reasons a Plan or a Bind method can give, unordered.
func Reasons() []Reason {
	all := make([]Reason, 0, len(reasonText))
	for r := range reasonText {
		all = append(all, r)
	}
	return all
}
