package sqlrewrite

import "strings"

// What may stand in an expression that the shadow computes. Whatever is not
// here is not absorbed: a function that no supported server has by itself may
// be a stored one, and one that looks at the session, the clock on the wall or
// the disk gives something else on the side connection.

// pureWords are functions that every supported server has by itself, and whose
// value follows from their arguments and from session variables that the side
// connection shares (sql_mode, time_zone, character sets, timestamp, and those
// that no session changes without being noticed: lc_time_names,
// default_week_format, div_precision_increment). MD5, SHA and SHA1 are not among
// them: MySQL 9 has them no more.
const pureWords = `
abs acos asin atan atan2 bin bit_count ceil ceiling conv cos cot crc32 degrees exp floor greatest hex least ln
log log10 log2 mod oct pi pow power radians round sign sin sqrt tan truncate unhex
ascii bit_length char char_length character_length concat concat_ws elt export_set field find_in_set format
from_base64 insert instr lcase left length locate lower lpad ltrim make_set mid octet_length ord position
quote repeat replace reverse right rpad rtrim sha2 soundex space strcmp substr substring
substring_index to_base64 trim ucase upper
inet_aton inet_ntoa inet6_aton inet6_ntoa
adddate addtime convert_tz curdate current_date current_time current_timestamp curtime date date_add date_format
date_sub datediff day dayname dayofmonth dayofweek dayofyear extract from_days from_unixtime hour last_day
localtime localtimestamp makedate maketime microsecond minute month monthname now period_add period_diff quarter
sec_to_time second str_to_date subdate subtime time time_format time_to_sec timediff timestamp timestampadd
timestampdiff to_days to_seconds unix_timestamp utc_date utc_time utc_timestamp week weekday weekofyear year
yearweek
coalesce if ifnull isnull nullif cast convert
json_array json_array_append json_array_insert json_contains json_contains_path json_depth json_extract
json_insert json_keys json_length json_merge_patch json_merge_preserve json_object json_quote json_remove
json_replace json_search json_set json_type json_unquote json_valid
`

// pureWordsMySQL8 are those that only MySQL has by itself, from version 8 on.
const pureWordsMySQL8 = "bin_to_uuid regexp_instr regexp_like regexp_replace regexp_substr uuid_to_bin"

// onceWords give something else each time. What the last run stores is read
// back, and nothing of an earlier one is kept; if a new row's key is another one
// then, its rows are read and the statement runs once more.
const onceWords = "rand uuid"

// aggregateWords are aggregates whose value does not depend on the order of
// the rows, but for values that are equal and differ. GROUP_CONCAT and the like do.
const aggregateWords = "avg bit_and bit_or bit_xor count max min sum"

// treeWords are what TiDB's parser calls functions beside their own names.
const treeWords = "char_func insert_func 'tidb`.(dateliteral 'tidb`.(timeliteral 'tidb`.(timestampliteral"

// bareWords stand for functions without a parenthesis.
const bareWords = "current_date current_time current_timestamp localtime localtimestamp utc_date utc_time utc_timestamp"

// operatorWords are operators and other words of expressions after which a
// parenthesis may open; plainWords are those after which none may.
const operatorWords = `
and as between binary both case distinct div else escape for from in interval leading like mod not or regexp rlike
then trailing when xor char decimal time datetime
`
const plainWords = `
asc collate date default desc double end false float integer is json null signed timestamp true unknown unsigned
using microsecond second minute hour day week month quarter year second_microsecond minute_microsecond
minute_second hour_microsecond hour_second hour_minute day_microsecond day_second day_minute day_hour year_month
`

// unitWords end an INTERVAL.
const unitWords = `
microsecond second minute hour day week month quarter year second_microsecond minute_microsecond
minute_second hour_microsecond hour_second hour_minute day_microsecond day_second day_minute day_hour year_month
`

// subqueryWords start or lead to a query of its own.
const subqueryWords = "select with table union intersect except exists any some all lateral values"

// The lists as sets.
var (
	pureFunctions       = wordSet(pureWords)
	pureFunctionsMySQL8 = wordSet(pureWordsMySQL8)
	onceFunctions       = wordSet(onceWords)
	aggregateFunctions  = wordSet(aggregateWords)
	treeFunctions       = wordSet(treeWords)
	bareFunctions       = wordSet(bareWords)
	operatorNames       = wordSet(operatorWords)
	plainNames          = wordSet(plainWords + bareWords)
	units               = wordSet(unitWords)
	subqueryNames       = wordSet(subqueryWords)
)

// expressionOps are the operators of expressions.
var expressionOps = map[string]bool{
	"(": true, ")": true, ",": true, "+": true, "-": true, "*": true, "/": true, "%": true,
	"=": true, "<>": true, "!=": true, "<": true, "<=": true, ">": true, ">=": true, "<=>": true, "<<": true, ">>": true,
	"&": true, "|": true, "^": true, "~": true, "!": true, "&&": true, "||": true, "->": true, "->>": true,
}

// place says what may stand in a part of a statement.
type place struct {
	once      bool // functions that give something else each time
	aggregate bool // aggregate functions
	brings    bool // it is the value of a new row: a column is what has been assigned to it by now
	inserted  bool // VALUES(column) and the row alias
	aliases   bool // names of selected expressions
}

// Functions are all functions that may be absorbed, if the server has them.
func Functions() []string {
	return strings.Fields(pureWords + " " + pureWordsMySQL8 + " " + onceWords + " " + aggregateWords)
}

// pureFunction reports whether a function, in lower case, may stand in a place.
func (e *Env) pureFunction(name string, in place) bool {
	if e.Missing[name] {
		return false
	}
	return pureFunctions[name] || in.once && onceFunctions[name] || in.aggregate && aggregateFunctions[name] ||
		e.Version >= 80000 && pureFunctionsMySQL8[name] && e.mysql()
}
