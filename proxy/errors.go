package proxy

import (
	"context"
	"errors"
	"fmt"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// Error codes of the server and of the client library that the proxy itself
// may answer with.
const (
	codeTooManyConnections = 1040
	codeHandshake          = 1043
	codeAccessDenied       = 1045
	codeUnknownCommand     = 1047
	codeUnknownDatabase    = 1049
	codeShutdown           = 1053
	codeSyntax             = 1064
	codeKillDenied         = 1095
	codeUnknownError       = 1105
	codePacketTooLarge     = 1153
	codeHostBlocked        = 1129
	codeOutOfOrder         = 1156
	codeTooManyOfUser      = 1203
	codeUnknownStatement   = 1243
	codeInterrupted        = 1317
	codeStatementTime      = 1969 // MariaDB's max_statement_time
	codeQueryTimeout       = 3024 // MySQL's max_execution_time
	codeOffline            = 3032
	codeNotAvailable       = 3168
	codeDBAccessDenied     = 1044
	codeCannotConnect      = 2003
	codeGoneAway           = 2006
	codeLost               = 2013
	codeMalformed          = 1835
	codeConnectionKilled   = 1927
	codeInsecureTransport  = 3159
)

// NewError makes an error that the client sees as it is.
func NewError(code uint16, state, format string, args ...any) *wire.ErrPacket {
	return &wire.ErrPacket{Code: code, State: state, Message: fmt.Sprintf(format, args...)}
}

// fatal wraps an error after which the session is closed.
type fatal struct{ err error }

// Error gives the cause's text.
func (f *fatal) Error() string { return f.err.Error() }

// Unwrap gives the cause.
func (f *fatal) Unwrap() error { return f.err }

// Fatal marks err: the client is told if that is still possible, then the
// session is closed.
func Fatal(err error) error { return &fatal{err} }

// errQuit ends a session on the client's wish; nothing is told.
var errQuit = errors.New("the client quit")

// Causes for which a statement's context ends.
var (
	errInterrupted = NewError(codeInterrupted, "70100", "Query execution was interrupted")
	errShutdown    = NewError(codeShutdown, "08S01", "Server shutdown in progress")
	errClientGone  = errors.New("the client went away")
)

// asPacket turns any error into what the client is told.
func asPacket(ctx context.Context, err error) *wire.ErrPacket {
	var e *wire.ErrPacket
	if errors.As(err, &e) {
		return e
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) && errors.As(context.Cause(ctx), &e) {
		return e
	}
	return NewError(codeUnknownError, "HY000", "%v", err)
}

// errNotReached is for a backend that cannot be connected to.
func errNotReached(addr string, err error) *wire.ErrPacket {
	return NewError(codeCannotConnect, "HY000",
		"Can't connect to MySQL server on '%s' (%v); the proxy is running, its backend is not reachable: check that server and the proxy's [database] settings", addr, err)
}

// errLost is for a backend that went away in the middle of a command.
func errLost(addr string, err error) *wire.ErrPacket {
	return NewError(codeLost, "HY000",
		"Lost connection to MySQL server during query (backend '%s': %v); the statement may have been executed", addr, err)
}

// errGone is for a backend that went away between commands.
func errGone(addr string) *wire.ErrPacket {
	return NewError(codeGoneAway, "HY000",
		"MySQL server has gone away (backend '%s' closed the connection); the statement was not executed", addr)
}

// errDenied is the refusal of a login, worded like the server's.
func errDenied(user, host string, withPassword bool) *wire.ErrPacket {
	using := "NO"
	if withPassword {
		using = "YES"
	}
	return NewError(codeAccessDenied, "28000", "Access denied for user '%s'@'%s' (using password: %s)", user, host, using)
}

// errUnknownCommand is the server's answer to a command it does not know.
func errUnknownCommand() *wire.ErrPacket {
	return NewError(codeUnknownCommand, "08S01", "Unknown command")
}

// errUnknownStatement is the server's answer to a statement id it does not
// know; function is MariaDB's internal name of the command, which it tells.
func (c *Conn) errUnknownStatement(id uint32, function string) *wire.ErrPacket {
	if !c.srv.backend.Load().mariaDB() {
		function = "mysql_stmt_precheck"
	}
	return NewError(codeUnknownStatement, "HY000", "Unknown prepared statement handler (%d) given to %s", id, function)
}

// errMalformed is the server's answer to a command whose payload it cannot
// parse.
func errMalformed() *wire.ErrPacket {
	return NewError(codeMalformed, "HY000", "Malformed communication packet.")
}
