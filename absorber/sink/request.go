package sink

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// State is how far an operator's request is.
type State string

const (
	StateOpen    State = "open"    // nothing has happened yet
	StateApplied State = "applied" // MySQL has it; the row cache may not show it yet
	StateDone    State = "done"
	StateFailed  State = "failed" // nothing has happened, and nothing will; Result says why
)

// The verbs of a request.
const (
	VerbRetry   = "retry"
	VerbDiscard = "discard"
	VerbEdit    = "edit"
	// VerbSkip is about no letter: the lane goes past units that are missing.
	VerbSkip = "skip"
)

// Request is what an operator asks to be done with a dead letter, or with units
// that are missing. Any process may write one down; only the owner of the lane acts on it, and it does so in
// the transaction that changes the request's state.
type Request struct {
	ID       uint64 // given by MySQL
	Lane     row.Lane
	Verb     string
	Letter   uint64
	LSN      row.LSN // of the letter, 0 if it is not there any more
	By       string  // who asks, for the record
	Argument []byte  // of an edit: what to change (JSON); of a skip: the last LSN to give up
	Created  time.Time
	State    State
	Result   string // what came of it, or what it waits for
	Touched  []byte // the rows that have to leave the cache; of a skip: the LSNs given up, "from-to"
}

// ErrNoLetter says that there is no dead letter of the id asked for.
var ErrNoLetter = errors.New("there is no such dead letter")

// Ask writes a request down and returns its id. The letter's row is locked
// until the request is there: whoever takes the letter away sees the request
// afterwards, or the request finds no letter (ErrNoLetter).
func (s *Sink) Ask(ctx context.Context, verb string, letter uint64, by string, argument []byte) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	db := appendName(nil, s.cfg.Database)
	sql := fmt.Appendf(nil, "INSERT INTO %s.requests (lane,verb,letter,asked_by,argument,result) SELECT lane,%s,id,", db, QuoteText(verb))
	sql = append(appendQuoted(sql, clip(by, 250)), ',')
	sql = append(appendBinary(sql, argument), ",''"...)
	sql = fmt.Appendf(sql, " FROM %s.dead_letters WHERE id=%d AND part=0 LOCK IN SHARE MODE", db, letter)
	rs, err := s.run(ctx, opAsk, sql)
	if err != nil {
		return 0, wrap(opAsk, "", 0, fmt.Errorf("write the request down: %w", err))
	}
	if rs[0].AffectedRows == 0 {
		return 0, fmt.Errorf("%w: %d", ErrNoLetter, letter)
	}
	return rs[0].InsertId, nil
}

// Requests lists the lane's requests that are open or applied, oldest first.
func (s *Sink) Requests(ctx context.Context, lane row.Lane) ([]Request, error) {
	return s.requests(ctx, "r.lane="+QuoteText(string(lane))+" AND r.state IN ('open','applied') ORDER BY r.id")
}

// LatestRequests lists the requests of all lanes, the latest first.
func (s *Sink) LatestRequests(ctx context.Context) ([]Request, error) {
	return s.requests(ctx, "1=1 ORDER BY r.id DESC")
}

// Request reads one request, nil if there is none of that id.
func (s *Sink) Request(ctx context.Context, id uint64) (*Request, error) {
	out, err := s.requests(ctx, fmt.Sprintf("r.id=%d", id))
	if err != nil || len(out) == 0 {
		return nil, err
	}
	return &out[0], nil
}

// maxRequests bounds a list of requests.
const maxRequests = 200

// requests reads the requests that a condition names.
func (s *Sink) requests(ctx context.Context, where string) ([]Request, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	db := appendName(nil, s.cfg.Database)
	rs, err := s.run(ctx, opRequests, fmt.Appendf(nil, "SELECT r.id,r.letter,COALESCE(d.lsn,0),r.lane,r.verb,r.asked_by,r.argument,r.state,r.result,r.touched,r.created"+
		" FROM %s.requests r LEFT JOIN %s.dead_letters d ON d.id=r.letter AND d.part=0 WHERE %s LIMIT %d", db, db, where, maxRequests))
	if err != nil {
		return nil, wrap(opRequests, "", 0, fmt.Errorf("read the requests: %w", err))
	}
	var out []Request
	for i := range rs[0].RowNumber() {
		r, err := parseRequest(rs[0], i)
		if err != nil {
			return nil, wrap(opRequests, "", 0, fmt.Errorf("read the requests: %w", err))
		}
		out = append(out, r)
	}
	return out, nil
}

// parseRequest reads one row of requests.
func parseRequest(rs *mysql.Result, i int) (r Request, err error) {
	var n [3]uint64
	for c := range n {
		if n[c], err = strconv.ParseUint(cell(rs, i, c), 10, 64); err != nil {
			return r, err
		}
	}
	r = Request{ID: n[0], Letter: n[1], LSN: row.LSN(n[2]), Lane: row.Lane(cell(rs, i, 3)), Verb: cell(rs, i, 4), By: cell(rs, i, 5),
		Argument: []byte(cell(rs, i, 6)), State: State(cell(rs, i, 7)), Result: cell(rs, i, 8), Touched: []byte(cell(rs, i, 9))}
	r.Created, err = time.Parse("2006-01-02 15:04:05.999999", cell(rs, i, 10))
	return r, err
}

// Note says in an open request what it waits for.
func (s *Sink) Note(ctx context.Context, id uint64, text string) error {
	return s.mend(ctx, opNote, fmt.Sprintf("result=%s WHERE id=%d AND state='open'", appendQuoted(nil, clip(text, 4000)), id))
}

// Finish turns an applied request into a done one.
func (s *Sink) Finish(ctx context.Context, id uint64) error {
	return s.mend(ctx, opFinish, fmt.Sprintf("state='done' WHERE id=%d AND state='applied'", id))
}

// mend changes a request outside of any transaction.
func (s *Sink) mend(ctx context.Context, op, set string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.run(ctx, op, fmt.Appendf(nil, "UPDATE %s.requests SET %s", appendName(nil, s.cfg.Database), set))
	return wrap(op, "", 0, err)
}

// purgeAtOnce bounds one DELETE of answered requests.
const purgeAtOnce = 1000

// Purge deletes the requests that were answered (done or failed) longer than
// keep ago by the server's clock, of all lanes, and returns how many. Any
// process may do so at any time: what is open or applied stays, and so does
// what says which units were given up.
func (s *Sink) Purge(ctx context.Context, keep time.Duration) (int, error) {
	sql := fmt.Appendf(nil, "DELETE FROM %s.requests WHERE state IN ('done','failed') AND NOT (verb='skip' AND state='done') AND updated < NOW(6) - INTERVAL %d SECOND LIMIT %d",
		appendName(nil, s.cfg.Database), int64(keep.Seconds()), purgeAtOnce)
	for total := 0; ; {
		n, err := s.purge(ctx, sql)
		if total += n; err != nil || n < purgeAtOnce {
			return total, wrap(opPurge, "", 0, err)
		}
	}
}

// purge runs one DELETE; others may use the connection between two.
func (s *Sink) purge(ctx context.Context, sql []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rs, err := s.run(ctx, opPurge, sql)
	if err != nil {
		return 0, fmt.Errorf("delete answered requests: %w", err)
	}
	return int(rs[0].AffectedRows), nil
}
