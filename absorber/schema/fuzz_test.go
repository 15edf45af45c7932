package schema

import (
	"strings"
	"testing"
)

// FuzzShowCreate: of a definition as MySQL prints it, exactly the columns with
// DEFAULT NULL are found, whatever they are called and whatever their comments
// say; anything else ends without a panic.
func FuzzShowCreate(f *testing.F) {
	f.Add("id", "n", "a DEFAULT NULL comment", "CREATE TABLE `t` (\n  `id` int NOT NULL\n)")
	f.Add("a`b", "x) DEFAULT NULL", "it's", "  `")
	f.Add("c\\", "d", "\\'", "  `a`` DEFAULT NULL")
	f.Fuzz(func(t *testing.T, without, with, comment, text string) {
		defaultNullColumns(text)
		if strings.ContainsAny(without+with, "\n") || without == with || without == "" || with == "" {
			return // a name with a line break is not found: then the server answers
		}
		literal := strings.NewReplacer(`\`, `\\`, `'`, `''`, "\n", `\n`, "\x00", `\0`, "\r", `\r`).Replace(comment)
		create := "CREATE TABLE `t` (\n  " + quoteName(without) + " int COMMENT '" + literal + "',\n  " + quoteName(with) + " int DEFAULT NULL COMMENT '" + literal + "'\n)"
		got := defaultNullColumns(create)
		if got[without] || !got[with] || len(got) != 1 {
			t.Errorf("%s: %v", create, got)
		}
	})
}
