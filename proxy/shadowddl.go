package proxy

import (
	"errors"
	"regexp"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
)

// errShadowDefinition is for a SHOW CREATE TABLE that is not understood.
var errShadowDefinition = errors.New("its definition is not understood")

// temporaryDefinition turns what SHOW CREATE TABLE prints into the statement
// that makes its shadow. CREATE TABLE .. LIKE would not do: MariaDB refuses it
// for a table of the same name, and MySQL gives CHECK constraints new names.
//
// Left out is what a temporary table cannot have and what changes no answer:
// foreign keys, FULLTEXT, SPATIAL and VECTOR indexes, partitions, and of the
// table's options all but character set and row format, on which the greatest
// size of a row depends.
func temporaryDefinition(n schema.Name, create string) (string, error) {
	body, ok := strings.CutPrefix(create, "CREATE TABLE "+sink.QuoteName(n.Table)+" (")
	elements, options, whole := splitDefinition(body)
	if !ok || !whole {
		return "", errShadowDefinition
	}
	var b strings.Builder
	b.WriteString("CREATE TEMPORARY TABLE " + quotedTable(n) + " (")
	first := true
	for _, e := range elements {
		if leftOut.MatchString(e) {
			continue
		}
		if !first {
			b.WriteString(",")
		}
		first = false
		b.WriteString(e)
	}
	b.WriteString(") ENGINE=InnoDB")
	options, _, _ = strings.Cut(options, " COMMENT=")
	b.WriteString(keptCharset.FindString(options))
	b.WriteString(keptFormat.FindString(options))
	return b.String(), nil
}

var (
	// leftOut are the elements of a definition that a shadow does without.
	leftOut = regexp.MustCompile("^\\s*(FULLTEXT |SPATIAL |VECTOR |(CONSTRAINT `([^`]|``)*` )?FOREIGN KEY )")
	// keptCharset and keptFormat are the options that matter.
	keptCharset = regexp.MustCompile(` DEFAULT CHARSET=\w+( COLLATE=\w+)?`)
	keptFormat  = regexp.MustCompile(` ROW_FORMAT=(DYNAMIC|COMPACT|REDUNDANT)\b`)
)

// splitDefinition splits what follows the opening parenthesis into the
// elements, which commas separate, and what comes behind the closing one.
// Strings are as servers print them without a sql_mode.
func splitDefinition(s string) (elements []string, options string, ok bool) {
	depth, start := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\'', '"', '`':
			if i = closingQuote(s, i); i < 0 {
				return nil, "", false
			}
		case '(':
			depth++
		case ',':
			if depth == 0 {
				elements = append(elements, s[start:i])
				start = i + 1
			}
		case ')':
			if depth == 0 {
				return append(elements, s[start:i]), s[i+1:], true
			}
			depth--
		}
	}
	return nil, "", false
}

// closingQuote is where the quoted text that begins at i ends; -1 if nowhere.
// A doubled quote is taken for an end and a new beginning.
func closingQuote(s string, i int) int {
	quote := s[i]
	for i++; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quote != '`':
			i++
		case s[i] == quote:
			return i
		}
	}
	return -1
}
