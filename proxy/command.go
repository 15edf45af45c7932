package proxy

import (
	"context"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// processCommand runs one command: this is the whole story. What has no
// handler of its own is forwarded.
func (c *Conn) processCommand(ctx context.Context, frame []byte) error {
	switch commandByte(frame) {
	case wire.ComQuit:
		return errQuit
	case wire.ComQuery:
		return c.query(ctx, frame)
	case wire.ComStmtPrepare:
		return c.prepare(ctx, frame)
	case wire.ComStmtExecute:
		return c.execute(ctx, frame)
	case wire.ComStmtLongData:
		return c.longData(ctx, frame)
	case wire.ComStmtFetch:
		return c.fetch(ctx, frame)
	case wire.ComStmtReset:
		return c.resetStatement(ctx, frame)
	case wire.ComStmtClose:
		return c.closeStatement(frame)
	case wire.ComInitDB:
		return c.initDB(ctx, frame)
	case wire.ComPing:
		return c.ping(ctx, frame)
	case wire.ComSetOption:
		return c.setOption(ctx, frame)
	case wire.ComProcessKill:
		return c.processKill(ctx, frame)
	case wire.ComResetConnection:
		return c.resetConnection(ctx, frame)
	case wire.ComChangeUser:
		return c.changeUser(ctx, frame)
	case wire.ComStmtBulkExecute: // not offered in the greeting
		return errUnknownCommand()
	}
	return c.forward(ctx, frame)
}

// query runs a COM_QUERY: KILL with a session's id is translated, the router
// may answer, everything else goes to the backend.
func (c *Conn) query(ctx context.Context, frame []byte) error {
	sql, err := wire.ParseQuery(frame[4:], c.login.Caps)
	if err != nil {
		return errMalformed()
	}
	if k, ok := parseKill(sql); ok {
		if done, err := c.killQuery(ctx, k); done || err != nil {
			return err
		}
	}
	if handled, err := c.router.Query(ctx, sql); handled || err != nil {
		return err
	}
	return c.forward(ctx, frame)
}

// initDB changes the current database.
func (c *Conn) initDB(ctx context.Context, frame []byte) error {
	db := string(frame[5:])
	if err := c.forward(ctx, frame); err != nil {
		return err
	}
	if c.scan.Response.Err == nil {
		c.db = db
		if !c.login.Caps.Has(wire.CapSessionTrack) { // a login would have told more
			c.srv.verified.note(c.databaseKey(), db, nil)
		}
	}
	return nil
}

// ping is answered here as long as the session has no backend connection.
func (c *Conn) ping(ctx context.Context, frame []byte) error {
	if c.be == nil {
		return c.WriteOK(wire.OK{Status: c.status})
	}
	return c.forward(ctx, frame)
}

// setOption switches several statements in one query on (0) or off (1). A
// later backend connection has to be opened in the same way.
func (c *Conn) setOption(ctx context.Context, frame []byte) error {
	if err := c.forward(ctx, frame); err != nil || c.scan.Response.Err != nil || len(frame) < 7 {
		return err
	}
	if option := uint16(frame[5]) | uint16(frame[6])<<8; option == 0 {
		c.login.Caps |= wire.CapMultiStatements
	} else {
		c.login.Caps &^= wire.CapMultiStatements
	}
	return nil
}
