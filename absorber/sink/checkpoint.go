package sink

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// Checkpoint is a lane's row in the checkpoint table.
type Checkpoint struct {
	Epoch       row.Epoch // of the latest owner; 0: the lane has never been owned
	LSN         row.LSN   // everything up to here is in MySQL
	Incarnation string    // of the lane in Redis when LSN was reached; "" before the first batch
	// Refused are records of the queue that are not the lane's (NoteRefused).
	Refused row.Refusals
}

// tables are the sink's own tables. The unit of a dead letter stands in parts,
// since no value may be larger than max_allowed_packet.
var tables = map[string]string{
	"checkpoint": `(
 lane VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
 epoch BIGINT UNSIGNED NOT NULL,
 lsn BIGINT UNSIGNED NOT NULL,
 incarnation VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
 refused VARCHAR(4096) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
 updated TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)
) ENGINE=InnoDB`,
	"dead_letters": `(
 id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
 part INT UNSIGNED NOT NULL DEFAULT 0,
 parts INT UNSIGNED NOT NULL DEFAULT 1,
 lane VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
 lsn BIGINT UNSIGNED NOT NULL,
 created TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
 tables TEXT CHARACTER SET utf8mb4 NOT NULL,
 code INT UNSIGNED NOT NULL DEFAULT 0,
 cause TEXT CHARACTER SET utf8mb4 NOT NULL,
 unit LONGBLOB NOT NULL,
 definition MEDIUMBLOB NULL,
 edits MEDIUMBLOB NULL,
 PRIMARY KEY (id, part),
 KEY lane_lsn (lane, lsn)
) ENGINE=InnoDB`,
	"requests": `(
 id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
 lane VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
 verb VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
 letter BIGINT UNSIGNED NOT NULL,
 asked_by VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL,
 created TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
 argument MEDIUMBLOB NULL,
 state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'open',
 result TEXT CHARACTER SET utf8mb4 NOT NULL,
 touched LONGBLOB NULL,
 updated TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
 KEY lane_state (lane, state, id)
) ENGINE=InnoDB`,
}

// made is the order in which the tables are created.
var made = []string{"checkpoint", "dead_letters", "requests"}

// additions bring tables of an older version up to date. Each may fail with
// ER_DUP_FIELDNAME when it has been done already.
var additions = []string{
	"ALTER TABLE %s.dead_letters ADD COLUMN definition MEDIUMBLOB NULL",
	"ALTER TABLE %s.dead_letters ADD COLUMN edits MEDIUMBLOB NULL",
	"ALTER TABLE %s.checkpoint ADD COLUMN refused VARCHAR(4096) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT ''",
	"ALTER TABLE %s.requests ADD COLUMN updated TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)",
}

// probes fail if a table is not there or a privilege is missing, and change nothing.
var probes = []string{
	"UPDATE %s.checkpoint SET refused=refused WHERE 1=0",
	"INSERT INTO %s.checkpoint (lane,epoch,lsn) SELECT lane,epoch,lsn FROM %[1]s.checkpoint WHERE 1=0",
	"INSERT INTO %s.dead_letters (lane,lsn,tables,cause,unit,definition,edits) SELECT lane,lsn,tables,cause,unit,definition,edits FROM %[1]s.dead_letters WHERE 1=0",
	"UPDATE %s.dead_letters SET lsn=lsn WHERE 1=0",
	"DELETE FROM %s.dead_letters WHERE 1=0",
	"INSERT INTO %s.requests (lane,verb,letter,asked_by,result) SELECT lane,verb,letter,asked_by,result FROM %[1]s.requests WHERE 1=0",
	"UPDATE %s.requests SET state=state WHERE 1=0",
	"DELETE FROM %s.requests WHERE updated IS NULL AND 1=0",
}

// Ensure creates the sink's database and tables where they are missing, and
// tries each privilege the sink needs on them. The error's hint names the GRANT.
func (s *Sink) Ensure(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.probe(ctx)
	switch Code(err) {
	case mysql.ER_BAD_DB_ERROR, mysql.ER_NO_SUCH_TABLE, mysql.ER_BAD_FIELD_ERROR:
	case mysql.ER_TABLEACCESS_DENIED_ERROR, mysql.ER_DBACCESS_DENIED_ERROR:
		// Without any privilege on it the server does not say whether it exists.
	default:
		return wrap(opEnsure, "", 0, err)
	}
	if err := s.create(ctx); err != nil {
		return wrap(opEnsure, "", 0, err)
	}
	return wrap(opEnsure, "", 0, s.probe(ctx))
}

// probe tries the sink's tables and privileges.
func (s *Sink) probe(ctx context.Context) error {
	db := string(appendName(nil, s.cfg.Database))
	for _, p := range probes {
		if _, err := s.run(ctx, opEnsure, fmt.Appendf(nil, p, db)); err != nil {
			return fmt.Errorf("use the tables of %s: %w", db, err)
		}
	}
	return nil
}

// create makes the database and its tables. An account that may not create a
// database that is there already goes on to the tables.
func (s *Sink) create(ctx context.Context) error {
	db := string(appendName(nil, s.cfg.Database))
	_, first := s.run(ctx, opEnsure, []byte("CREATE DATABASE IF NOT EXISTS "+db))
	if first != nil && !fromServer(first) {
		return first
	}
	for _, name := range made {
		if _, err := s.run(ctx, opEnsure, []byte("CREATE TABLE IF NOT EXISTS "+db+"."+name+" "+tables[name])); err != nil {
			return fmt.Errorf("create %s.%s: %w", db, name, errors.Join(err, first))
		}
	}
	if Code(s.probe(ctx)) != mysql.ER_BAD_FIELD_ERROR {
		return nil
	}
	for _, add := range additions {
		if _, err := s.run(ctx, opEnsure, fmt.Appendf(nil, add, db)); err != nil && Code(err) != mysql.ER_DUP_FIELDNAME {
			return fmt.Errorf("bring the tables of %s up to date: %w", db, err)
		}
	}
	return nil
}

// Takeover makes the caller the lane's owner: it ends the former owner's
// connection, raises the epoch by one, or to one higher than above if MySQL has
// forgotten what it once was, and returns the lane's row as it is now. From then on Apply under an older epoch is Fenced. A lost reply may raise the
// epoch twice when tried again, which does no harm.
func (s *Sink) Takeover(ctx context.Context, lane row.Lane, above row.Epoch) (Checkpoint, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cp, err := s.takeover(ctx, lane, above)
	if err != nil {
		s.rollback(ctx)
		return Checkpoint{}, wrap(opTakeover, lane, 0, err)
	}
	return cp, nil
}

// takeover is Takeover without its error handling.
func (s *Sink) takeover(ctx context.Context, lane row.Lane, above row.Epoch) (Checkpoint, error) {
	if err := s.lockLane(ctx, lane); err != nil {
		return Checkpoint{}, err
	}
	table := string(appendName(nil, s.cfg.Database)) + ".checkpoint"
	name := QuoteText(string(lane))
	// One statement, so that two takeovers of a new lane cannot both find it missing.
	rs, err := s.run(ctx, opTakeover, fmt.Appendf(nil, "BEGIN;INSERT INTO %s (lane,epoch,lsn) VALUES (%s,%d,0) ON DUPLICATE KEY UPDATE epoch=GREATEST(epoch,%d)+1;"+
		"SELECT epoch,lsn,incarnation,refused FROM %s WHERE lane=%s;COMMIT", table, name, above+1, above, table, name))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("raise the epoch: %w", err)
	}
	if len(rs) != 4 {
		return Checkpoint{}, fmt.Errorf("raise the epoch: %d results instead of 4", len(rs))
	}
	return parseCheckpoint(rs[2])
}

// Checkpoint reads the lane's row. The zero Checkpoint is a lane that has
// never been owned.
func (s *Sink) Checkpoint(ctx context.Context, lane row.Lane) (Checkpoint, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cp, err := s.read(ctx, lane)
	if err != nil {
		return Checkpoint{}, wrap(opCheckpoint, lane, 0, err)
	}
	return cp, nil
}

// read is Checkpoint for a caller that holds s.mu.
func (s *Sink) read(ctx context.Context, lane row.Lane) (Checkpoint, error) {
	rs, err := s.run(ctx, opCheckpoint, fmt.Appendf(nil, "SELECT epoch,lsn,incarnation,refused FROM %s.checkpoint WHERE lane=%s",
		appendName(nil, s.cfg.Database), QuoteText(string(lane))))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("read the checkpoint: %w", err)
	}
	if rs[0].RowNumber() == 0 {
		return Checkpoint{}, nil
	}
	return parseCheckpoint(rs[0])
}

// NoteRefused notes which records of the queue are not the lane's, for whoever has to
// rebuild it when Redis, which has the list too, was emptied. Fenced: another
// drainer owns the lane.
func (s *Sink) NoteRefused(ctx context.Context, lane row.Lane, epoch row.Epoch, refused row.Refusals) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	rs, err := s.run(ctx, opRefuse, fmt.Appendf(nil, "UPDATE %s.checkpoint SET refused=%s WHERE lane=%s AND epoch=%d",
		appendName(nil, s.cfg.Database), QuoteText(refused.String()), QuoteText(string(lane)), epoch))
	if err != nil {
		return wrap(opRefuse, lane, 0, fmt.Errorf("note which records of the queue are refused: %w", err))
	}
	if rs[0].AffectedRows != 1 { // found, not changed: see Capabilities
		return &row.Error{Op: opRefuse, Lane: lane, Kind: row.Fenced, Err: fmt.Errorf("epoch %d does not own the lane any more", epoch)}
	}
	return nil
}

// parseCheckpoint reads epoch, lsn, incarnation and refused from a result's first row.
func parseCheckpoint(r *mysql.Result) (Checkpoint, error) {
	epoch, err := strconv.ParseUint(cell(r, 0, 0), 10, 64)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("read the checkpoint's epoch: %w", err)
	}
	lsn, err := strconv.ParseUint(cell(r, 0, 1), 10, 64)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("read the checkpoint's lsn: %w", err)
	}
	refused, err := row.ParseRefusals(cell(r, 0, 3))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("read the checkpoint's row: %w", err)
	}
	return Checkpoint{Epoch: row.Epoch(epoch), LSN: row.LSN(lsn), Incarnation: cell(r, 0, 2), Refused: refused}, nil
}
