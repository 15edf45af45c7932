package absorber

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Definitions counts the statements, of all sessions of the database server since
// its start, that change definitions or rights, those of routines among them. Who
// finds the same number before and after a statement knows that it was none. Those
// about temporary tables count only where the server does not tell them apart.
func (e *Engine) Definitions(ctx context.Context) (uint64, error) {
	rows, err := e.loader.rows(ctx, opQuery, "SHOW GLOBAL STATUS LIKE 'Com%'")
	if err != nil {
		return 0, fmt.Errorf("count the server's statements: %w", err)
	}
	var sum uint64
	for _, r := range rows {
		if !defining(strings.ToLower(string(r[0]))) {
			continue
		}
		n, err := strconv.ParseUint(string(r[1]), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("count the server's statements: %w", err)
		}
		sum += n
	}
	return sum, nil
}

// defining reports whether a counter is one of statements that change definitions
// or rights.
func defining(counter string) bool {
	rest, ok := strings.CutPrefix(counter, "com_")
	if !ok || strings.HasSuffix(rest, "_temporary_table") {
		return false
	}
	for _, verb := range []string{"alter", "create", "drop", "rename", "grant", "revoke", "import"} {
		if strings.HasPrefix(rest, verb) {
			return true
		}
	}
	return false
}
