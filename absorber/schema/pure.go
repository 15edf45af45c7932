package schema

import (
	"regexp"
	"slices"
	"strings"
)

// pureFunctions give the same for the same row in every session and at every
// time: no clock, no zone, no locale, no variable of the session.
var pureFunctions = wordSet(`abs ceil ceiling floor round truncate mod sign power pow sqrt greatest least
	coalesce ifnull nullif if case when then else and or not xor in between like is interval
	concat concat_ws lower lcase upper ucase substr substring mid left right trim ltrim rtrim replace reverse
	lpad rpad locate instr position length octet_length char_length character_length ascii ord hex unhex
	md5 sha sha1 sha2 crc32 json_extract json_unquote json_value json_valid json_length json_type json_contains
	year month day dayofmonth hour minute second quarter date datediff to_days
	cast convert as char unsigned signed decimal binary varchar`)

// sessionFunctions give what the session or the moment says; where only the
// client's own session computes, and what it gives is kept, they may stand too.
var sessionFunctions = wordSet(`uuid rand now current_timestamp curdate current_date curtime current_time
	localtime localtimestamp unix_timestamp from_unixtime utc_date utc_time utc_timestamp
	adddate subdate date_add date_sub date_format last_day makedate maketime timestampadd addtime time
	bin_to_uuid uuid_to_bin json_object json_array json_quote to_base64 from_base64 repeat space pi conv bin oct char`)

// quietFunctions warn of nothing: of anything, of dates, of JSON.
var (
	quietFunctions  = wordSet("concat concat_ws lower lcase upper ucase coalesce ifnull length octet_length char_length character_length left right abs sha2")
	quietOfTemporal = wordSet("year month day dayofmonth quarter")
	quietOfJSON     = wordSet("json_extract json_unquote")
)

// unsignedWords give unsigned numbers, from which NO_UNSIGNED_SUBTRACTION makes
// signed ones; datedWords take a TIME for one of today.
var (
	unsignedWords = regexp.MustCompile(`(?i)\b(unsigned|crc32|conv)\b|[&|^~]|<<|>>`)
	datedWords    = regexp.MustCompile(`(?i)\b(year|month|day|dayofmonth|quarter|date|datetime|datediff|to_days|cast|convert)\b`)
)

// wordSet makes a set of the words of a text.
func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

// Parts of the server's text of an expression.
var (
	quotedParts = regexp.MustCompile("`(?:[^`]|``)*`|'(?:[^'\\\\]|''|\\\\.)*'")
	calledNames = regexp.MustCompile(`([\pL_$@][\pL\pN_$@.]*)\s*\(`)
	// A string or a quoted name, by now a question mark, before a parenthesis
	// is a function of the user's.
	calledQuoted = regexp.MustCompile(`\?\s*\(`)
	clockNames   = regexp.MustCompile(`(?i)\b(current_timestamp|current_date|current_time|current_user|localtime|localtimestamp|utc_\w+)`)
	anyWord      = regexp.MustCompile(`[\pL_$@][\pL\pN_$@.]*`)
)

// plainQuotes undoes how MySQL shows the quotes of strings.
func plainQuotes(clause string) string { return strings.ReplaceAll(clause, `\'`, `'`) }

// named are the columns an expression names.
func named(t *Table, clause string) []*Column {
	var out []*Column
	lower := strings.ToLower(clause)
	for i := range t.Columns {
		if strings.Contains(lower, strings.ToLower(quoteName(t.Columns[i].Name))) {
			out = append(out, &t.Columns[i])
		}
	}
	return out
}

// pure reports whether an expression, as information_schema shows it, computes
// the same of the same row whatever session runs it. The drainer's session is
// not the client's, and not of the client's time. What the sql_mode still
// changes, the shadow finds out for each row.
func pure(t *Table, clause string) bool {
	clause = plainQuotes(clause)
	bare := quotedParts.ReplaceAllString(clause, "?")
	if strings.ContainsAny(bare, "'`\"@") || clockNames.MatchString(bare) {
		return false
	}
	unsigned, clock, dated := unsignedWords.MatchString(bare), false, datedWords.MatchString(bare)
	for _, c := range named(t, clause) {
		switch c.Type {
		case Timestamp: // another text in another time zone
			return false
		case Year, Bit:
			unsigned = true
		case Time:
			clock = true
		case Date, Datetime:
			dated = true
		}
		unsigned = unsigned || c.Unsigned
	}
	if unsigned && strings.Contains(bare, "-") || clock && dated {
		return false
	}
	return clause != "" && callsOnly(bare, pureFunctions)
}

// callsOnly reports whether an expression without its quoted parts calls
// nothing but functions of the sets.
func callsOnly(bare string, sets ...map[string]bool) bool {
	if calledQuoted.MatchString(bare) {
		return false
	}
	for _, m := range calledNames.FindAllStringSubmatch(bare, -1) {
		if !slices.ContainsFunc(sets, func(set map[string]bool) bool { return set[strings.ToLower(m[1])] }) {
			return false
		}
	}
	return true
}

// quiet reports whether an expression can be computed of any row without a
// warning or an error, whatever the session's sql_mode, so that nobody notices
// whether it was.
func quiet(t *Table, clause string) bool {
	clause = plainQuotes(clause)
	bare := quotedParts.ReplaceAllStringFunc(clause, func(s string) string { return map[byte]string{'`': "#", '\'': "?"}[s[0]] })
	if strings.Trim(anyWord.ReplaceAllString(bare, ""), "#?()+-*,. 0123456789") != "" {
		return false
	}
	all := func(ok func(Type) bool) bool {
		return !slices.ContainsFunc(named(t, clause), func(c *Column) bool { return c.Virtual || !ok(c.Type) })
	}
	exact := func(ty Type) bool { return ty >= Tinyint && ty <= Decimal }
	if !all(func(Type) bool { return true }) || strings.ContainsAny(bare, "+-*") && (strings.Contains(bare, "?") || !all(exact)) {
		return false
	}
	for _, w := range anyWord.FindAllString(strings.ToLower(bare), -1) {
		switch {
		case quietFunctions[w] || w[0] == '_' && strings.Contains(bare, w+"?"):
		case quietOfTemporal[w] && all(func(ty Type) bool { return ty == Date || ty == Datetime }):
		case quietOfJSON[w] && all(func(ty Type) bool { return ty == JSON }):
		default:
			return false
		}
	}
	return true
}

// computable reports whether a default's expression is one that the client's
// session computes on any table of the same definition. A lone literal that is
// not in parentheses is not: not all are shown as they are.
func computable(text string, literal bool) bool {
	text = plainQuotes(text)
	bare := quotedParts.ReplaceAllString(text, "?")
	for i := range len(text) {
		if text[i] < ' ' || text[i] >= 0x7f {
			return false
		}
	}
	if strings.ContainsAny(bare, `'"@\`+"`") || !literal && !strings.ContainsAny(bare, "(+-*/%") && !clockNames.MatchString(bare) {
		return false
	}
	return !strings.Contains(strings.ToLower(bare), "current_user") && callsOnly(bare, pureFunctions, sessionFunctions)
}
