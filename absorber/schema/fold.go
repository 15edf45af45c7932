package schema

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// fold maps names that the server may take for the same to one form. Both
// servers compare the names of routines without case and without accents:
// CALL cafe() runs `café`. It joins more than they do, never less.
func fold(name string) string {
	ascii, lower := true, true
	for i := range len(name) {
		ascii = ascii && name[i] < utf8.RuneSelf
		lower = lower && (name[i] < 'A' || name[i] > 'Z')
	}
	if ascii {
		if lower {
			return name
		}
		return strings.ToLower(name)
	}
	var b strings.Builder
	// Alone the iota below is a letter to them, as part of another it is none.
	name = strings.ReplaceAll(name, "\u0345", "ι")
	for _, r := range norm.NFKD.String(name) {
		if unicode.Is(unicode.Mn, r) {
			continue
		}
		r = unicode.ToLower(unicode.ToUpper(r))
		if plain, ok := foldings[r]; ok {
			r = plain
		}
		b.WriteRune(r)
	}
	return b.String()
}

// foldings are letters that utf8mb3_general_ci joins with others although
// Unicode does not decompose them.
var foldings = map[rune]rune{'ß': 's'}

// lowerName folds a name's case as the server does where
// lower_case_table_names is not 0.
func lowerName(n Name) Name {
	return Name{DB: strings.ToLower(n.DB), Table: strings.ToLower(n.Table)}
}
