package sink

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// SQLMode is the sql_mode that drained rows are written under, and generated
// columns and CHECKs computed.
const SQLMode = "STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,NO_BACKSLASH_ESCAPES"

// setup puts a new connection into the state that literals and counts rely on,
// whatever the server's defaults are.
const setup = "SET NAMES utf8mb4;" +
	"SET SESSION sql_mode='" + SQLMode + "'," +
	"time_zone='+00:00',autocommit=1,completion_type=0,foreign_key_checks=1,unique_checks=1,sql_safe_updates=0," +
	"innodb_lock_wait_timeout=5,lock_wait_timeout=10,wait_timeout=28800;" +
	"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;" +
	"SET SESSION TRANSACTION READ WRITE;" +
	"SELECT @@max_allowed_packet"

// session is a connection that is set up.
type session struct {
	conn      *client.Conn
	maxPacket int
	lane      row.Lane // the lane whose lock it holds, "" if none
	used      time.Time
}

// quietFor is after how long without a statement a session is asked whether it
// still lives before it is used: what is sent on a dead one may have happened.
const quietFor = time.Second

// exec runs sql, which may be several statements, and returns their results.
// On a server error it returns the results before it. Any other error leaves
// the session unusable. When ctx ends the connection is cut, since nothing
// else interrupts a statement.
func (s *session) exec(ctx context.Context, sql []byte) ([]*mysql.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	defer func() { s.used = time.Now() }()
	raw := s.conn.Conn.Conn
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	var out []*mysql.Result
	var failed error
	_, err := s.conn.ExecuteMultiple(string(sql), func(r *mysql.Result, err error) {
		if err != nil {
			failed = err
			return
		}
		out = append(out, r)
	})
	if err == nil {
		err = failed
	}
	if err != nil && ctx.Err() != nil && !fromServer(err) {
		err = fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return out, err
}

// fromServer reports whether err is the server's answer, after which the
// connection is still in step.
func fromServer(err error) bool {
	var my *mysql.MyError
	return errors.As(err, &my)
}

// cell is the text of one value of a result, "" for NULL or no row.
func cell(r *mysql.Result, rowIndex, column int) string {
	if r == nil || r.Resultset == nil || rowIndex >= r.RowNumber() {
		return ""
	}
	v, err := r.GetString(rowIndex, column)
	if err != nil {
		return ""
	}
	return v
}

// connect gives the open session, or a new one. The caller holds s.mu.
func (s *Sink) connect(ctx context.Context) (*session, error) {
	if s.sess != nil && time.Since(s.sess.used) > quietFor && s.sess.conn.Ping() != nil {
		s.drop()
	}
	if s.sess != nil {
		return s.sess, nil
	}
	conn, err := s.cfg.Dial(ctx)
	if err != nil {
		return nil, wrap(opDial, "", 0, fmt.Errorf("connect to MySQL: %w", err))
	}
	sess := &session{conn: conn}
	if !conn.HasCapability(mysql.CLIENT_FOUND_ROWS) || !conn.HasCapability(mysql.CLIENT_MULTI_STATEMENTS) {
		_ = conn.Close()
		return nil, &row.Error{Op: opDial, Kind: row.Permanent, Err: errors.New("the connection lacks the options of sink.Capabilities")}
	}
	var rs []*mysql.Result
	err = s.cfg.Effects.Do(opDial, func() error {
		rs, err = sess.exec(ctx, []byte(setup))
		return err
	})
	if err != nil {
		_ = conn.Close()
		return nil, wrap(opDial, "", 0, fmt.Errorf("set up the session: %w", err))
	}
	if sess.maxPacket, err = strconv.Atoi(cell(rs[len(rs)-1], 0, 0)); err != nil {
		_ = conn.Close()
		return nil, wrap(opDial, "", 0, fmt.Errorf("read max_allowed_packet: %w", err))
	}
	s.sess = sess
	return sess, nil
}

// run executes sql, under its label, on the open session and drops the session when it broke.
func (s *Sink) run(ctx context.Context, op string, sql []byte) ([]*mysql.Result, error) {
	sess, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	return s.on(ctx, op, sess, sql)
}

// on executes sql on sess, and drops the session when it broke, or leads to a
// server that takes no writes any more: the address may lead to another by now.
func (s *Sink) on(ctx context.Context, op string, sess *session, sql []byte) (rs []*mysql.Result, err error) {
	err = s.cfg.Effects.Do(op, func() error {
		rs, err = sess.exec(ctx, sql)
		return err
	})
	if err != nil && (!fromServer(err) || readOnly(Code(err))) {
		s.drop()
	}
	return rs, err
}

// rollback ends the transaction; a session that cannot is dropped.
func (s *Sink) rollback(ctx context.Context) {
	if s.sess == nil {
		return
	}
	sess := s.sess
	err := s.cfg.Effects.Do(opRollback, func() error {
		_, err := sess.exec(ctx, []byte("ROLLBACK"))
		return err
	})
	if err != nil {
		s.drop()
	}
}

// Connection gives the id of the MySQL connection that the next Apply of the
// lane runs on if its Batch names it. Whoever ends that connection, and sees it
// gone, knows that no such Apply can commit any more.
func (s *Sink) Connection(ctx context.Context, lane row.Lane, epoch row.Epoch, checkpoint row.LSN) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.enter(ctx, &Batch{Lane: lane, Epoch: epoch, From: checkpoint, To: checkpoint}); err != nil {
		return 0, wrap(opLock, lane, checkpoint, err)
	}
	return uint64(s.sess.conn.GetConnectionID()), nil
}

// drop closes the connection; the server rolls an open transaction back.
func (s *Sink) drop() {
	if s.sess != nil {
		_ = s.sess.conn.Close()
		s.sess = nil
	}
}

// lockName is the name of the user-level lock that the lane's drainer holds as
// long as its connection lives. It is at most 64 characters, MySQL's limit.
func lockName(db string, lane row.Lane) string {
	sum := sha256.Sum256([]byte(db + "\x00" + string(lane)))
	return "shock_absorber." + hex.EncodeToString(sum[:16])
}

// lockLane ends whatever earlier connection of a drainer of this lane still
// lives, and marks this one. That connection may sit on an open transaction
// that locks the checkpoint's row, behind a network that has gone, for as long
// as the server's wait_timeout. It only saves waiting: that the old connection
// cannot commit any more is proven by the guarded UPDATE, which needs the row lock.
func (s *Sink) lockLane(ctx context.Context, lane row.Lane) error {
	if s.sess != nil && s.sess.lane == lane {
		return nil
	}
	name := QuoteText(lockName(s.cfg.Database, lane))
	for wait := range 3 {
		rs, err := s.run(ctx, opLock, fmt.Appendf(nil, "SELECT GET_LOCK(%s,%d),IS_USED_LOCK(%s)", name, wait, name))
		if err != nil {
			if fromServer(err) {
				// Clusters that have no user-level locks go without.
				s.cfg.Logger.Warn("no lane lock on this server", "lane", lane, "error", err)
				s.sess.lane = lane
				return nil
			}
			return err
		}
		if cell(rs[0], 0, 0) == "1" {
			s.sess.lane = lane
			return nil
		}
		holder, err := strconv.ParseUint(cell(rs[0], 0, 1), 10, 64)
		if err != nil {
			continue
		}
		if _, err := s.run(ctx, opKill, fmt.Appendf(nil, "KILL %d", holder)); err != nil && !fromServer(err) {
			return err
		} else if err != nil && Code(err) != mysql.ER_NO_SUCH_THREAD {
			s.cfg.Logger.Warn("cannot end the connection of the lane's former drainer", "lane", lane, "connection", holder, "error", err)
		}
	}
	return &row.Error{
		Op: opTakeover, Lane: lane, Kind: row.Transient, Err: errors.New("another connection holds the lane's lock"),
		Hint: "all drainers must use the same MySQL account, or one that may KILL the others' connections",
	}
}
