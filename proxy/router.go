package proxy

import (
	"context"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// Router decides what becomes of a session's commands. All calls for one
// session come from its goroutine, one at a time.
//
// A method that returns handled = true has written the whole response through
// the Conn (WriteOK, WriteRows ...), unflushed. An error is sent to the client
// as it is if it is a *wire.ErrPacket, else as error 1105 with its text; the
// command is then finished. After an error wrapped by Fatal the session is
// closed as well.
//
// The context ends when the client goes away, when its statement is killed,
// and when the server shuts down for good.
type Router interface {
	// Query is asked about every COM_QUERY. sql is valid until it returns.
	Query(ctx context.Context, sql []byte) (handled bool, err error)
	// Prepare is asked about every COM_STMT_PREPARE. It may answer with
	// Conn.WritePrepared; the statement is then prepared at the backend when
	// it is first executed there.
	Prepare(ctx context.Context, st *Stmt) (handled bool, err error)
	// Execute is asked about every COM_STMT_EXECUTE of a known statement;
	// st.Decode(payload) gives the parameters.
	Execute(ctx context.Context, st *Stmt, payload []byte) (handled bool, err error)
	// Before is called before a command is forwarded, After once its response
	// has been read, before the last of it goes to the client. If After fails
	// the client gets the error in place of the response, or is disconnected
	// if some of the response has been sent.
	Before(ctx context.Context, cmd byte, payload []byte) error
	After(ctx context.Context, cmd byte, r *wire.Response) error
	// Reset tells that the session starts afresh: after COM_RESET_CONNECTION
	// and COM_CHANGE_USER were accepted, and Lost, when the backend
	// connection is gone and a new one will be opened.
	Reset(kind ResetKind)
	// Stateful reports whether the backend connection holds anything (a
	// transaction, variables, temporary tables) that a new one would lack. If
	// such a connection breaks, the session ends with it.
	Stateful() bool
	// Close releases what the session holds; nothing is called after it.
	Close()
}

// ResetKind says why a session starts afresh.
type ResetKind uint8

const (
	// ResetConnection follows COM_RESET_CONNECTION.
	ResetConnection ResetKind = iota
	// ResetUser follows COM_CHANGE_USER: user, database and collation are new.
	ResetUser
	// ResetLost follows the loss of a stateless backend connection.
	ResetLost
)

// passThrough is the router of a server without one: it answers nothing, and
// because it understands no statement, any may have left state behind.
type passThrough struct{ used bool }

func (*passThrough) Query(context.Context, []byte) (bool, error)          { return false, nil }
func (*passThrough) Prepare(context.Context, *Stmt) (bool, error)         { return false, nil }
func (*passThrough) Execute(context.Context, *Stmt, []byte) (bool, error) { return false, nil }
func (*passThrough) After(context.Context, byte, *wire.Response) error    { return nil }
func (*passThrough) Close()                                               {}

// Stateful is true once anything but a ping or the like was forwarded.
func (r *passThrough) Stateful() bool { return r.used }

// Before notes the first command that may leave state behind.
func (r *passThrough) Before(_ context.Context, cmd byte, _ []byte) error {
	switch cmd {
	case wire.ComPing, wire.ComStatistics, wire.ComInitDB, wire.ComFieldList, wire.ComProcessKill:
	default:
		r.used = true
	}
	return nil
}

// Reset forgets the old user's state. After COM_RESET_CONNECTION the current
// database remains, which a USE statement may have chosen unseen.
func (r *passThrough) Reset(kind ResetKind) {
	if kind == ResetUser {
		r.used = false
	}
}
