package sink

import (
	"errors"
	"fmt"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// Op labels of what the sink does; see package effect.
const (
	opDial       = "sink.dial"
	opEnsure     = "sink.ensure"
	opTakeover   = "sink.takeover"
	opCheckpoint = "sink.checkpoint"
	opRefuse     = "sink.refuse"
	opApply      = "sink.apply"
	opCommit     = "sink.commit"
	opRollback   = "sink.rollback"
	opLock       = "sink.lock"
	opKill       = "sink.kill"
	opAsk        = "sink.ask"
	opNote       = "sink.note"
	opFinish     = "sink.finish"
	opLetters    = "sink.dead_letters"
	opRequests   = "sink.requests"
	opPurge      = "sink.purge"
)

// Code is MySQL's error code in err, 0 if err does not come from MySQL.
func Code(err error) uint16 {
	var my *mysql.MyError
	if errors.As(err, &my) {
		return my.Code
	}
	return 0
}

// waiting are the errors that say nothing about the data: of the server's
// state, or of the account. Their SQLSTATE would put them among the data's.
var waiting = map[uint16]string{
	1021: "free disk space on the database server",
	1030: "look into the database server's error log",
	1036: "the table is read-only on the server: look into its error log",
	1037: "the database server is out of memory",
	1038: "the database server is out of sort memory",
	1040: "raise max_connections, or close connections",
	1041: "the database server is out of memory",
	1044: hintGrant, 1045: hintGrant, 1142: hintGrant, 1143: hintGrant, 1227: hintGrant, 1370: hintGrant, 1698: hintGrant,
	1114: "the table or the disk is full: free space on the database server",
	1203: "raise max_user_connections of the account",
	1226: "raise the account's resource limits",
	1290: hintReadOnly, 1792: hintReadOnly, 1836: hintReadOnly, 3100: "", 3101: "",
	1665: "set binlog_format=ROW (or MIXED) on the database server",
	1820: "the account's password has expired", 1862: "the account's password has expired",
	1205: "another transaction holds a lock that the drainer needs", 1213: "", 1317: "", 1969: "", 3024: "", 3572: "",
}

const (
	hintGrant    = "GRANT SELECT, INSERT, UPDATE, DELETE ON the absorbed tables and ALL ON shock_absorber.* TO the account under [database]"
	hintReadOnly = "the server is read-only: point [database] at the primary"
)

// readOnly reports whether the error is a server's that takes no writes.
func readOnly(code uint16) bool { return code == 1290 || code == 1792 || code == 1836 }

// refusing are errors about the data whose SQLSTATE (HY000) does not say so.
var refusing = map[uint16]string{
	1153: "raise max_allowed_packet on the database server, then retry the dead letter",
	1301: "raise max_allowed_packet on the database server, then retry the dead letter",
	1364: "", 1366: "", 1442: "", 1452: "", 1451: "", 1467: "", 1526: "", 1748: "", 1713: "", 1709: "", 3105: "", 1906: "", 3819: "", 4025: "", 4078: "",
	1265: "", 1263: "", 1261: "", 1262: "",
}

// classify says what may be done about an error of the connection or of the
// server. What is not known to be about the data is taken as passing: a batch
// that waits is seen and loses nothing, while a whole backlog turned into dead
// letters by a fault of the server would have to be put back by hand.
func classify(err error) (row.Kind, string) {
	var my *mysql.MyError
	if !errors.As(err, &my) {
		return row.Transient, ""
	}
	if hint, ok := waiting[my.Code]; ok {
		return row.Transient, hint
	}
	if hint, ok := refusing[my.Code]; ok {
		return row.Permanent, hint
	}
	if len(my.State) == 5 {
		switch my.State[:2] {
		case "21", "22", "23", "42", "44", "45":
			return row.Permanent, ""
		}
	}
	return row.Transient, ""
}

// wrap makes the pipeline's error of err, which happened in op; nil stays nil.
func wrap(op string, lane row.Lane, lsn row.LSN, err error) error {
	if err == nil {
		return nil
	}
	var already *row.Error
	if errors.As(err, &already) {
		if already.Lane == "" {
			already.Lane = lane
		}
		return err
	}
	kind, hint := classify(err)
	return &row.Error{Op: op, Lane: lane, LSN: lsn, Kind: kind, Hint: hint, Err: err}
}

// divergence is the error of a statement that touched another number of rows
// than its changes say: MySQL does not hold what the proxy was shown.
func divergence(st *statement, got uint64) error {
	return &row.Error{
		Op: opApply, LSN: st.lsn, Kind: row.Permanent,
		Hint: "somebody writes to the table around the proxy; compare the dead letter with the row in MySQL",
		Err:  fmt.Errorf("%s on %s touched %d rows instead of %d", st.op, st.table, got, st.want),
	}
}
