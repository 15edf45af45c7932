package absorber

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/queue"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// pairs is the table of the drain tests: a key, a value, a unique value. MySQL
// refuses the value "poison".
var pairs = &schema.Table{
	Name: schema.Name{DB: "d", Table: "pairs"}, Version: 1, AutoIncrement: -1,
	Columns: []schema.Column{{Name: "id", Type: schema.Int, NotNull: true}, {Name: "v", Type: schema.Varchar, Charset: "utf8mb4", Collation: "utf8mb4_bin", Length: 50},
		{Name: "u", Type: schema.Int}},
	Primary: schema.Index{Name: "PRIMARY", Columns: []int{0}, Prefix: []int{0}},
	Uniques: []schema.Index{{Name: "u", Columns: []int{2}, Prefix: []int{0}}},
}

// pair makes a mutation of a row of pairs.
func pair(op row.Op, id int, v string, u int) row.Mutation {
	im := row.Image{fmt.Append(nil, id), []byte(v), fmt.Append(nil, u)}
	ref, err := row.IndexRef(pairs, im)
	if err != nil {
		panic(err)
	}
	m := row.Mutation{Table: pairs.Name.String(), Key: ref.Key, Op: op, Schema: 1, Image: im}
	if op == row.Update {
		m.Changed = []uint16{1, 2}
	}
	return m
}

// table is a memory twin of pairs in MySQL.
type table map[row.Key]row.Image

// apply does one mutation as MySQL would, or gives the error it would.
func (tb table) apply(m row.Mutation) error { return tb.judge(m, false) }

// judge is apply for a server that may take poison.
func (tb table) judge(m row.Mutation, lenient bool) error {
	_, there := tb[m.Key]
	if there == (m.Op == row.Insert) {
		return &row.Error{Op: "twin", Kind: row.Permanent, Err: fmt.Errorf("%s of %x diverges", m.Op, m.Key)}
	}
	if m.Op == row.Delete {
		delete(tb, m.Key)
		return nil
	}
	for k, im := range tb {
		if k != m.Key && string(im[2]) == string(m.Image[2]) {
			return &row.Error{Op: "twin", Kind: row.Permanent, Err: &mysql.MyError{Code: 1062, State: "23000", Message: "Duplicate entry"}}
		}
	}
	im := m.Image.Clone()
	if m.Op == row.Update {
		im = tb[m.Key].Clone()
		for _, c := range m.Changed {
			im[c] = m.Image[c]
		}
	}
	if string(im[1]) == "poison" && !lenient {
		return &row.Error{Op: "twin", Kind: row.Permanent, Err: &mysql.MyError{Code: 3819, State: "HY000", Message: "Check constraint"}}
	}
	tb[m.Key] = im
	return nil
}

// force does one mutation whatever MySQL would say.
func (tb table) force(m row.Mutation) {
	if m.Op == row.Delete {
		delete(tb, m.Key)
		return
	}
	tb[m.Key] = m.Image
}

// server is a memory twin of MySQL with the sink's tables.
type server struct {
	mu      sync.Mutex
	cp      sink.Checkpoint
	rows    table
	letters []sink.DeadLetter
	largest int         // most row changes in one transaction
	commits []committed // each transaction with row changes
	down    error       // answer to everything, while not nil

	lenient  bool // takes "poison" too: the operator has dropped the CHECK
	ids      uint64
	requests []sink.Request
}

// committed is when a transaction ended, and how many rows it changed.
type committed struct {
	at   time.Time
	rows int
}

// Takeover raises the epoch.
func (s *server) Takeover(_ context.Context, _ row.Lane, above row.Epoch) (sink.Checkpoint, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil {
		return sink.Checkpoint{}, s.down
	}
	s.cp.Epoch = max(s.cp.Epoch, above) + 1
	return s.cp, nil
}

// NoteRefused notes what is not the lane's.
func (s *server) NoteRefused(_ context.Context, lane row.Lane, epoch row.Epoch, refused row.Refusals) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil {
		return s.down
	}
	if epoch != s.cp.Epoch {
		return &row.Error{Op: "twin", Lane: lane, Kind: row.Fenced, Err: fmt.Errorf("epoch %d is not %d", epoch, s.cp.Epoch)}
	}
	s.cp.Refused = refused
	return nil
}

// Apply is one transaction.
func (s *server) Apply(_ context.Context, b sink.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.down != nil:
		return s.down
	case b.Epoch != s.cp.Epoch || b.From != s.cp.LSN && b.To != s.cp.LSN:
		return &row.Error{Op: "twin", Kind: row.Fenced, Err: fmt.Errorf("checkpoint %+v, batch %d %d-%d", s.cp, b.Epoch, b.From, b.To)}
	case b.To == s.cp.LSN && b.Answer == nil, b.Answer != nil && s.answered(b.Answer.Request):
		return nil
	}
	changes := slices.Clone(b.Changes)
	if !b.InOrder {
		rank := map[row.Op]int{row.Delete: 0, row.Update: 1, row.Insert: 2}
		slices.SortStableFunc(changes, func(x, y sink.Change) int { return rank[x.Mutation.Op] - rank[y.Mutation.Op] })
	}
	next := maps.Clone(s.rows)
	if next == nil {
		next = table{}
	}
	for _, c := range changes {
		if err := next.judge(c.Mutation, s.lenient); err != nil {
			var e *row.Error
			if errors.As(err, &e) {
				e.LSN = c.LSN
			}
			return err
		}
	}
	if err := s.answer(b.Answer); err != nil {
		return err
	}
	for _, l := range b.Dead {
		s.ids++
		l.ID = s.ids
		s.letters = append(s.letters, l)
	}
	s.rows, s.cp.LSN, s.cp.Incarnation = next, b.To, b.Incarnation
	if len(changes) > 0 {
		s.largest = max(s.largest, len(changes))
		s.commits = append(s.commits, committed{time.Now(), len(changes)})
	}
	return nil
}

// DeadLetters pages through the letters.
func (s *server) DeadLetters(_ context.Context, _ row.Lane, after uint64, most int) ([]sink.DeadLetter, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []sink.DeadLetter
	for _, l := range s.letters {
		if l.ID > after && len(out) < most {
			out = append(out, l)
		}
	}
	return out, s.down
}

// DeadLetterCount counts them.
func (s *server) DeadLetterCount(context.Context, row.Lane) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.letters), s.down
}

// checkpoint is how far the lane is.
func (s *server) checkpoint() row.LSN {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cp.LSN
}

// set changes the twin under its lock.
func (s *server) set(f func(s *server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

// fault makes one side effect fail: the at-th, before or after it took place,
// once, or for good as when the process dies there.
type fault struct {
	mu     sync.Mutex
	at     int
	after  bool
	dies   bool
	n      int
	dead   bool
	hit    string
	killed func()
}

var errFault = errors.New("injected fault")

// do runs a side effect under the fault.
func (f *fault) do(op string, effect func() error) error {
	f.mu.Lock()
	if f.dead {
		f.mu.Unlock()
		return errFault
	}
	mine := f.n == f.at
	f.n++
	if mine {
		f.hit = op
		f.dead = f.dies
	}
	f.mu.Unlock()
	if mine && f.dies {
		defer f.killed()
	}
	if mine && !f.after {
		return errFault
	}
	err := effect()
	if mine && err == nil {
		return errFault
	}
	return err
}

// passed reports whether the run ended before the fault's turn came.
func (f *fault) passed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hit == ""
}

// faulty puts faults between a worker and its WAL, queue and MySQL. Calls that
// only read and wait are left alone: how many there are depends on timing.
type faulty struct {
	*wal.Store
	queue.Queue
	*server
	f *fault
}

// The side effects, each with its label.
func (x faulty) Takeover(ctx context.Context, lane row.Lane, above row.Epoch) (cp sink.Checkpoint, err error) {
	err = x.f.do("takeover", func() error { cp, err = x.server.Takeover(ctx, lane, above); return err })
	return cp, err
}

func (x faulty) NoteRefused(ctx context.Context, lane row.Lane, epoch row.Epoch, refused row.Refusals) error {
	return x.f.do("refuse", func() error { return x.server.NoteRefused(ctx, lane, epoch, refused) })
}

func (x faulty) Apply(ctx context.Context, b sink.Batch) error {
	return x.f.do("apply", func() error { return x.server.Apply(ctx, b) })
}

func (x faulty) Publish(ctx context.Context, lane row.Lane, recs []wal.Record) error {
	return x.f.do("publish", func() error { return x.Queue.Publish(ctx, lane, recs) })
}

func (x faulty) Forget(ctx context.Context, lane row.Lane, upto row.LSN) error {
	return x.f.do("forget", func() error { return x.Queue.Forget(ctx, lane, upto) })
}

func (x faulty) Close() error { return x.Queue.Close() }

func (x faulty) Relayed(ctx context.Context, lane row.Lane, epoch row.Epoch, upto row.LSN) error {
	return x.f.do("relayed", func() error { return x.Store.Relayed(ctx, lane, epoch, upto) })
}

func (x faulty) Settle(ctx context.Context, lane row.Lane, epoch row.Epoch, upto row.LSN, rows []wal.SettleRow, claims ...wal.ClaimKey) error {
	return x.f.do("settle", func() error { return x.Store.Settle(ctx, lane, epoch, upto, rows, claims...) })
}
