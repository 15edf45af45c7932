package sqlrewrite

// apart are the names that IGNORE_SPACE is about: functions only where a
// parenthesis follows, without that mode at once, with it also behind spaces.
// Reserved words do not belong here, since spaces never matter to them.
// TestIgnoreSpace asks the servers.
var apart = wordSet(callWords + " add_months date_format decode json_duality_object median percentile_cont percentile_disc trim_oracle")

// callsApart reports whether one of those names stands bare before a parenthesis
// with a space or a comment in between: only there does IGNORE_SPACE change what
// is parsed.
func callsApart(src []byte, toks []token) bool {
	for i := 1; i < len(toks); i++ {
		open, name := toks[i], toks[i-1]
		if open.spaced && open.kind == tokOp && src[open.start] == '(' && name.kind == tokWord && apart[lower(src[name.start:name.end])] {
			return true
		}
	}
	return false
}
