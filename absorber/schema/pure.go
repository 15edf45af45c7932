package schema

import (
	"regexp"
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
)

// pure reports whether an expression, as information_schema shows it, computes
// the same of the same row whatever session runs it. The drainer's session is
// not the client's, and not of the client's time.
func pure(t *Table, clause string) bool {
	clause = strings.ReplaceAll(clause, `\'`, `'`) // how MySQL shows the quotes of strings
	for i := range t.Columns {
		c := &t.Columns[i]
		// A TIMESTAMP is another text in another time zone.
		if c.Type == Timestamp && strings.Contains(strings.ToLower(clause), strings.ToLower(quoteName(c.Name))) {
			return false
		}
	}
	bare := quotedParts.ReplaceAllString(clause, "?")
	if strings.ContainsAny(bare, "'`\"@") || clockNames.MatchString(bare) {
		return false
	}
	if calledQuoted.MatchString(bare) {
		return false
	}
	for _, m := range calledNames.FindAllStringSubmatch(bare, -1) {
		if !pureFunctions[strings.ToLower(m[1])] {
			return false
		}
	}
	return clause != ""
}
