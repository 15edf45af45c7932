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

// reapUnseen is reap for the connection of a process that has died. Nobody knows
// what it was doing: if it was DDL, only this process can tell the others.
func (e *Engine) reapUnseen(ctx context.Context) func(backend uint64) error {
	told := map[uint64]bool{0: true} // of the owners of several gates each
	return func(backend uint64) error {
		if err := e.reap(backend); err != nil {
			return err
		}
		if !told[backend] {
			told[backend] = true
			e.redefined(ctx, nil)
		}
		return nil
	}
}

// redefined makes every process read all definitions again, after a statement
// whose end nobody has seen. The gates that it needed open even if some do not in
// time: they do so soon, and a statement that runs for long must not keep them. u
// is the session whose statement it was, nil if it is another process's.
func (e *Engine) redefined(ctx context.Context, u *Usage) {
	if u == nil {
		u = e.NewUsage()
		defer e.EndUsage(u)
	}
	if err := e.CatalogChanged(ctx, u, nil); err != nil && ctx.Err() == nil {
		e.log.Warn("not all processes have read again what a statement without an end may have defined", "err", err)
	}
}

// asMySQLError unwraps an error that the server itself sent.
func asMySQLError(err error) (*mysql.MyError, bool) {
	var my *mysql.MyError
	ok := errors.As(err, &my)
	return my, ok
}
