package admin

import (
	"context"
	"errors"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// Operations are what an operator can do over HTTP beside looking at Status.
// Each is called for a request and must be safe for concurrent use. Errors that
// wrap ErrNotFound or ErrInvalid are the caller's fault; others are answered
// with 503.
type Operations struct {
	Letters func(ctx context.Context) ([]Letter, error)
	Letter  func(ctx context.Context, id uint64) (*LetterDetail, error)
	// Ask writes a request about a dead letter down and waits a few seconds
	// for what comes of it; Request looks again.
	Ask     func(ctx context.Context, a Ask) (Request, error)
	Request func(ctx context.Context, id uint64) (Request, error)
	// Pause stops or restarts draining, of one lane or ("") of all.
	Pause func(ctx context.Context, lane string, pause bool) error
	// Skip asks that a lane goes past units that are missing, and waits a few
	// seconds for what comes of it.
	Skip func(ctx context.Context, s Skip) (Request, error)
	// Dump gives pending units of a lane after an LSN as plain SQL.
	Dump func(ctx context.Context, lane string, after row.LSN, most int) (*Dump, error)
}

var (
	// ErrNotFound says that there is nothing of the name or id asked for.
	ErrNotFound = errors.New("not found")
	// ErrInvalid says that the request makes no sense.
	ErrInvalid = errors.New("invalid request")
)

// Letter is a unit that MySQL refused for good, or that waits behind one.
// Field names are a contract with other programs, here and below.
type Letter struct {
	ID      uint64    `json:"id"`
	Lane    row.Lane  `json:"lane"`
	LSN     row.LSN   `json:"lsn"`
	Created time.Time `json:"created"`
	Tables  string    `json:"tables"` // "db.table", comma-separated
	Code    uint16    `json:"code"`   // MySQL's error code, 0 if it was parked
	Cause   string    `json:"cause"`
	Rows    int       `json:"rows"`
	Edited  bool      `json:"edited"`
}

// LetterDetail is a letter with what it holds. It carries row values.
type LetterDetail struct {
	Letter
	Accepted time.Time    `json:"accepted"`
	Images   []LetterRow  `json:"images"`
	Edits    []LetterEdit `json:"edits"`
	Behind   []row.LSN    `json:"behind"` // LSNs of later letters that wait behind it
	Chain    []row.LSN    `json:"chain"`  // LSNs that a retry applies, in order
}

// LetterRow is one row of a letter.
type LetterRow struct {
	Table   string         `json:"table"`
	Op      string         `json:"op"`    // insert, update, delete
	SQL     string         `json:"sql"`   // what a retry would do
	Error   string         `json:"error"` // why there is no such SQL
	Columns []LetterColumn `json:"columns"`
}

// LetterColumn is one value of a row.
type LetterColumn struct {
	Name    string  `json:"name"`
	Value   *string `json:"value"` // null is NULL; bytes stand as 0x...
	Changed bool    `json:"changed"`
}

// LetterEdit is one change that an operator made to a letter.
type LetterEdit struct {
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Row    int       `json:"row"` // from 1
	Column string    `json:"column"`
	From   *string   `json:"from"`
	To     *string   `json:"to"`
}

// Ask is a request about a dead letter. Verb and Letter come from the path.
type Ask struct {
	Verb   string      `json:"-"` // retry, discard, edit
	Letter uint64      `json:"-"`
	By     string      `json:"by"`  // who asks, as the client says
	Set    []LetterSet `json:"set"` // of an edit
}

// Skip asks to give units of a lane up that were acknowledged and are missing.
type Skip struct {
	Lane row.Lane `json:"lane"`
	To   row.LSN  `json:"to"` // the last of them, as the lane's last_error names it
	By   string   `json:"by"` // who asks, as the client says
}

// LetterSet is one value that an edit sets.
type LetterSet struct {
	Row    int     `json:"row"` // from 1; 0 is 1
	Column string  `json:"column"`
	Value  *string `json:"value"`
}

// Request is how far a request about a dead letter, or about missing units, is.
type Request struct {
	ID      uint64    `json:"id"`
	Lane    row.Lane  `json:"lane"`
	Verb    string    `json:"verb"`
	Letter  uint64    `json:"letter"`
	By      string    `json:"by"`
	Created time.Time `json:"created"`
	// State: "open" (nothing has happened yet; Result says what it waits for),
	// "applied" (MySQL has it; the cache follows), "done", "failed" (nothing
	// has happened; Result says why).
	State  string `json:"state"`
	Result string `json:"result"`
}

// Over reports whether the request has had its effect, or never will.
func (r *Request) Over() bool { return r.State != "open" }

// Dump is a page of the WAL.
type Dump struct {
	Lane  row.Lane   `json:"lane"`
	Units []DumpUnit `json:"units"`
	// Next is the LSN to go on after; More is false at the end.
	Next row.LSN `json:"next"`
	More bool    `json:"more"`
}

// DumpUnit is one pending unit: one transaction.
type DumpUnit struct {
	LSN      row.LSN   `json:"lsn"`
	Accepted time.Time `json:"accepted"`
	SQL      []string  `json:"sql"`
	Error    string    `json:"error"` // why there is no SQL
}

// Pending is a row that MySQL does not have as it was last written.
type Pending struct {
	Lane  row.Lane
	Table string
	Key   string
	LSN   row.LSN
}
