package proxy

import (
	"context"
	"errors"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// Codes of errors that the absorber's decisions become.
const (
	codeBacklogFull   = 1040 // ER_CON_COUNT_ERROR: clients know it as "too busy, come again"
	codeDuplicate     = 1062
	codeDuringCommit  = 1180 // ER_ERROR_DURING_COMMIT: the outcome is not known
	codeLockWait      = 1205
	codeDeadlock      = 1213
	codeNoSavepoint   = 1305
	codeTemporary     = 1297 // ER_GET_TEMPORARY_ERRMSG
	lockWaitText      = "Lock wait timeout exceeded; try restarting transaction"
	backlogFullText   = "Too many connections: the backlog of writes that MySQL has not taken yet is full; nothing was written, try again later (operator: raise drain_rate or max_backlog)"
	unknownText       = "Got error 0 during COMMIT: the write-ahead log did not answer, so it is not known whether this statement took effect; read the row before trying again (%v)"
	absorbUnavailable = "Got temporary error 0 'the write-ahead log or the database cannot be reached' from shock_absorber; nothing was written, try again (%v)"
	lostLaneText      = "Got temporary error 0 'the write-ahead log in Redis was lost or replaced' from shock_absorber; nothing was written; it is checked again by itself, see the proxy's log (%v)"
)

// errDeadlock is what InnoDB says of a transaction that it has rolled back.
func errDeadlock() *wire.ErrPacket {
	return NewError(codeDeadlock, "40001", "Deadlock found when trying to get lock; try restarting transaction")
}

// clientError turns what the absorber says into what the client is told.
func clientError(err error) error {
	var (
		packet *wire.ErrPacket
		dup    *absorber.Duplicate
		fault  *row.Error
	)
	switch {
	case err == nil, errors.As(err, &packet), errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &dup):
		return NewError(codeDuplicate, "23000", "%s", dup.Error())
	case err == absorber.ErrLockWait: // of a row, as InnoDB tells it
		return NewError(codeLockWait, "HY000", "%s", lockWaitText)
	case errors.Is(err, absorber.ErrLockWait):
		return NewError(codeLockWait, "HY000", "%s (%v)", lockWaitText, err)
	case errors.Is(err, absorber.ErrBacklog):
		return NewError(codeBacklogFull, "08004", "%s", backlogFullText)
	case errors.Is(err, wal.ErrLost):
		return NewError(codeTemporary, "HY000", lostLaneText, err)
	case errors.As(err, &fault) && fault.Op == "absorber.acknowledge": // it is in the log, and says so
		return NewError(codeDuringCommit, "HY000", "Got error 0 during COMMIT: %v", err)
	case errors.As(err, &fault) && fault.Kind == row.Ambiguous:
		return NewError(codeDuringCommit, "HY000", unknownText, err)
	}
	return NewError(codeTemporary, "HY000", absorbUnavailable, err)
}
