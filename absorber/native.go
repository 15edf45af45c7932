package absorber

import (
	"context"
	"fmt"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// Lacks asks MySQL which of the functions it does not have by itself, so that
// the name may be that of a stored one. The connection has no database, where
// one could be.
func (e *Engine) Lacks(ctx context.Context, names []string) (map[string]bool, error) {
	lacks := map[string]bool{}
	for _, name := range names {
		_, err := e.loader.rows(ctx, opQuery, "SELECT "+name+"(1)")
		my, answered := asMySQLError(err)
		switch {
		case err == nil:
		case !answered:
			return nil, fmt.Errorf("ask whether MySQL has the function %s: %w", name, err)
		case my.Code == mysql.ER_SP_DOES_NOT_EXIST, my.Code == mysql.ER_FUNC_INEXISTENT_NAME_COLLISION, my.Code == mysql.ER_NO_DB_ERROR:
			lacks[name] = true
		}
	}
	return lacks, nil
}
