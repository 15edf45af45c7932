package proxy

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"regexp"
	"strconv"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// killing is a KILL statement with a number.
type killing struct {
	prefix string // all before the number, as written but for comments
	query  bool   // KILL QUERY: the connection stays
	id     uint32
}

// comments are those that no server executes.
var comments = regexp.MustCompile(`(?s)/\*\*/|/\*(?:[^!M+]|M[^!]).*?\*/|(?:#|--[ \t])[^\n]*(?:\n|$)`)

// parseKill recognizes KILL [HARD|SOFT] [CONNECTION|QUERY] number [;]. Other
// forms (MariaDB's USER and QUERY ID, expressions) are the backend's.
func parseKill(sql []byte) (killing, bool) {
	rest := bytes.TrimLeft(sql, " \t\r\n")
	if len(rest) > 4096 { // no KILL is that long
		return killing{}, false
	}
	if bytes.ContainsAny(rest, "*#-") {
		rest = bytes.TrimLeft(comments.ReplaceAll(rest, []byte(" ")), " \t\r\n")
	}
	if len(rest) < 6 || !bytes.EqualFold(rest[:4], []byte("kill")) {
		return killing{}, false
	}
	rest = bytes.TrimRight(rest, " \t\r\n;")
	words := bytes.Fields(rest)
	if len(words) < 2 || len(words) > 4 || len(words[0]) != len("kill") {
		return killing{}, false
	}
	k := killing{}
	for i, w := range words[1 : len(words)-1] {
		switch string(bytes.ToLower(w)) {
		case "hard", "soft":
			if i > 0 {
				return killing{}, false
			}
		case "query":
			k.query = true
		case "connection":
		default:
			return killing{}, false
		}
	}
	number := words[len(words)-1]
	id, err := strconv.ParseUint(string(number), 10, 64)
	if err != nil || id > math.MaxUint32 {
		return killing{}, false
	}
	k.id = uint32(id)
	k.prefix = string(rest[:len(rest)-len(number)])
	return k, true
}

// target finds the session that a kill means. Ids of no session are the
// backend's: SHOW PROCESSLIST and CONNECTION_ID() give those.
func (c *Conn) target(id uint32) (*Conn, error) {
	t := c.srv.Session(id)
	if t == nil {
		return nil, nil
	}
	owner, me := t.User(), c.User()
	if !me.Admin && (owner == nil || owner.Name != me.Name) {
		return nil, NewError(codeKillDenied, "HY000", "You are not owner of thread %d", id)
	}
	return t, nil
}

// killQuery runs a KILL of a session: it kills at the backend what the session
// has there, on the caller's own connection and with his rights, and then what
// it has here. done is false if the id is no session's.
func (c *Conn) killQuery(ctx context.Context, k killing) (done bool, err error) {
	t, err := c.target(k.id)
	if t == nil || err != nil {
		return false, err
	}
	backendID := t.backendID.Load()
	if t == c || backendID == 0 {
		return true, c.killHere(t, k.query)
	}
	sql := append(make([]byte, 4), wire.ComQuery)
	if c.login.Caps.Has(wire.CapQueryAttributes) {
		sql = append(sql, 0, 1)
	}
	sql = fmt.Appendf(sql, "%s%d", k.prefix, backendID)
	if err := c.forward(ctx, sql); err != nil {
		return true, err
	}
	if c.scan.Response.Err == nil {
		t.kill(k.query)
	}
	return true, nil
}

// killHere kills what a session has in the proxy alone.
func (c *Conn) killHere(t *Conn, query bool) error {
	if t == c {
		if query {
			return errInterrupted
		}
		return Fatal(NewError(codeConnectionKilled, "70100", "Connection was killed"))
	}
	t.kill(query)
	return c.WriteOK(wire.OK{Status: c.status})
}

// kill interrupts the running statement, or ends the session. It may be called
// from anywhere.
func (c *Conn) kill(query bool) {
	if query {
		c.interrupt(errInterrupted)
		return
	}
	c.cancel(errInterrupted)
}

// processKill runs a COM_PROCESS_KILL, the KILL CONNECTION of old clients.
func (c *Conn) processKill(ctx context.Context, frame []byte) error {
	if len(frame) < 9 {
		return errMalformed()
	}
	t, err := c.target(binary.LittleEndian.Uint32(frame[5:]))
	if err != nil {
		return err
	}
	if t == nil {
		return c.forward(ctx, frame)
	}
	backendID := t.backendID.Load()
	if t == c || backendID == 0 {
		return c.killHere(t, false)
	}
	binary.LittleEndian.PutUint32(frame[5:], backendID)
	if err := c.forward(ctx, frame); err != nil {
		return err
	}
	if c.scan.Response.Err == nil {
		t.kill(false)
	}
	return nil
}
