package absorber

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// reap makes sure that a MySQL connection whose session is dead runs nothing
// any more: it is killed, and seen gone. 0 is a hold without a connection.
func (e *Engine) reap(backend uint64) error {
	if backend == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), loadTimeout)
	defer cancel()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		_, err := e.loader.scalar(ctx, opKill, fmt.Sprintf("KILL %d", backend))
		if my, ok := asMySQLError(err); ok && my.Code == mysql.ER_NO_SUCH_THREAD {
			return nil
		}
		if err != nil {
			return fmt.Errorf("kill the MySQL connection %d of a dead session: %w", backend, err)
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// asMySQLError unwraps an error that the server itself sent.
func asMySQLError(err error) (*mysql.MyError, bool) {
	var my *mysql.MyError
	ok := errors.As(err, &my)
	return my, ok
}
