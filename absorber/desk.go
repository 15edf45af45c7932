package absorber

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// Desk is where operators leave their requests about dead letters; *sink.Sink
// is one. Requests gives those that are open or applied, oldest first.
type Desk interface {
	Requests(ctx context.Context, lane row.Lane) ([]sink.Request, error)
	Note(ctx context.Context, id uint64, text string) error
	Finish(ctx context.Context, id uint64) error
	DeadLettersAt(ctx context.Context, lane row.Lane, lsns []row.LSN) ([]sink.DeadLetter, error)
	// Connection is the id of the MySQL connection that Apply uses for a batch
	// that names it.
	Connection(ctx context.Context, lane row.Lane, epoch row.Epoch, checkpoint row.LSN) (uint64, error)
	SkippedUnits(ctx context.Context, lane row.Lane) ([]sink.Skipped, error)
}

// Rows is the row cache and the gates, as far as a request needs them;
// *wal.Store is one.
type Rows interface {
	Newest(ctx context.Context, lane row.Lane, rows []wal.RowKey) (row.LSN, error)
	Drop(ctx context.Context, lane row.Lane, rows []wal.RowKey) error
	DropLeases(ctx context.Context, lane row.Lane, claims []wal.ClaimKey) error
	RequestFlush(ctx context.Context, lane row.Lane, upto row.LSN) error
	JoinGate(ctx context.Context, lane row.Lane, table, owner string, backend uint64, lease time.Duration, how wal.Joining) (wal.GateInfo, error)
	LeaveGate(ctx context.Context, lane row.Lane, table, owner string) error
}

// lookAnyway is how often the desk is looked at although there is no dead
// letter that anybody could have asked about: somebody may have put one back.
const lookAnyway = 30 * time.Second

// counter is the drainer's side of the desk.
type counter struct {
	served  time.Time // when it was last looked at
	tainted map[wal.RowKey]struct{}
	stale   bool // the outcome of a retry is not known: read the dead letters again

	// A retry in progress.
	holder  uint64          // the request that holds gates, 0 if none
	gates   map[string]bool // tables whose gate is held
	conn    uint64          // the MySQL connection in whose name they are held
	until   time.Time       // when the gates are given back at the latest
	resting time.Time       // no gate is taken before
	await   row.LSN         // look again as soon as MySQL has everything up to here
	toll    ticket          // paid to the limiter
	notes   map[uint64]string

	trouble *retry
}

// loadTainted learns, before anything is settled, of which rows the cache may
// hold what MySQL does not: those of applied requests.
func (d *drainer) loadTainted(ctx context.Context) error {
	d.desk.notes = map[uint64]string{}
	d.desk.trouble = d.w.newRetry("deal with the requests of operators")
	if d.w.cfg.Desk == nil {
		return nil
	}
	reqs, err := d.w.cfg.Desk.Requests(ctx, d.w.cfg.Lane)
	if err != nil {
		return err
	}
	d.taint(reqs)
	return nil
}

// taint notes the rows of applied requests.
func (d *drainer) taint(reqs []sink.Request) {
	d.desk.tainted = map[wal.RowKey]struct{}{}
	for i := range reqs {
		if reqs[i].State != sink.StateApplied {
			continue
		}
		rows, _ := readTouched(reqs[i].Touched)
		for _, k := range rows {
			d.desk.tainted[k] = struct{}{}
		}
	}
}

// due reports whether it is time to look at the desk: after each look at the
// lane's marks, which a wake-up brings forward, while there is anything that a
// request could be about; and when what a retry waits for has come.
func (d *drainer) due() bool {
	c := &d.desk
	switch {
	case d.w.cfg.Desk == nil:
		return false
	case c.served.IsZero(), c.await > 0 && d.checkpoint >= c.await, time.Since(c.served) > lookAnyway:
		return true
	}
	return d.looked.After(c.served) && (len(d.parked.letters) > 0 || len(c.tainted) > 0 || c.holder != 0)
}

// serve does what operators have asked for, as far as it can be done now. It
// goes on as long as that brings something about: a request that was written
// down just before its letter went must not be left behind.
func (d *drainer) serve(ctx context.Context) error {
	if !d.due() {
		return nil
	}
	for again := true; again; {
		d.desk.served, d.desk.await, again = time.Now(), 0, false
		var reqs []sink.Request
		err := d.desk.trouble.do(ctx, func(ctx context.Context) (err error) {
			if d.desk.stale {
				if err = d.loadParked(ctx); err != nil {
					return err
				}
				d.desk.stale = false
			}
			reqs, err = d.w.cfg.Desk.Requests(ctx, d.w.cfg.Lane)
			return err
		})
		if err != nil {
			return err
		}
		d.taint(reqs)
		for i := range reqs {
			moved, err := d.handle(ctx, &reqs[i])
			if err != nil {
				return err
			}
			again = again || moved
		}
	}
	return nil
}

// handle does what it can for one request, and reports whether its state changed.
func (d *drainer) handle(ctx context.Context, r *sink.Request) (moved bool, err error) {
	if r.State == sink.StateApplied {
		return d.cleanse(ctx, r)
	}
	if r.Verb == sink.VerbSkip {
		return true, d.fail(ctx, r, nil, errNotMissing)
	}
	if r.LSN == 0 {
		return true, d.fail(ctx, r, nil, fmt.Errorf("there is no dead letter %d any more", r.Letter))
	}
	if !d.parked.has(r.LSN) {
		if err := d.loadParked(ctx); err != nil {
			return false, err
		}
	}
	switch r.Verb {
	case sink.VerbRetry:
		return d.retryChain(ctx, r)
	case sink.VerbDiscard:
		return true, d.discard(ctx, r)
	case sink.VerbEdit:
		return true, d.edit(ctx, r)
	}
	return true, d.fail(ctx, r, nil, fmt.Errorf("this version does not know how to %s a dead letter", r.Verb))
}

// answer writes the outcome of a request in one transaction with what it does.
// Only the owner of the lane can (epoch), and only once (the request is open).
func (d *drainer) answer(ctx context.Context, r *sink.Request, a sink.Answer, b sink.Batch) error {
	a.Request = r.ID
	b.Lane, b.Epoch, b.Incarnation, b.From, b.To = d.w.cfg.Lane, d.epoch, d.incarnation, d.checkpoint, d.checkpoint
	b.InOrder, b.Answer = true, &a
	return d.w.cfg.Target.Apply(ctx, b)
}

// fail answers that nothing was done. refused is the letter that MySQL has
// refused again, if it was that.
func (d *drainer) fail(ctx context.Context, r *sink.Request, refused *sink.DeadLetter, cause error) error {
	if d.desk.holder == r.ID {
		d.letGo(ctx)
	}
	a := sink.Answer{State: sink.StateFailed, Result: cause.Error(), Refused: refused}
	if err := d.desk.trouble.do(ctx, func(ctx context.Context) error { return d.answer(ctx, r, a, sink.Batch{}) }); err != nil {
		return fmt.Errorf("answer request %d: %w", r.ID, err)
	}
	d.answered(r, "failed")
	return nil
}

// answered counts and logs an outcome; what the letter holds is not logged.
func (d *drainer) answered(r *sink.Request, outcome string) {
	delete(d.desk.notes, r.ID)
	d.w.cfg.Metrics.requests.WithLabelValues(r.Verb, outcome).Inc()
	d.w.log.Info("a request about a dead letter was answered", "request", r.ID, "verb", r.Verb, "letter", r.Letter, "lsn", r.LSN, "by", r.By, "outcome", outcome)
}

// note says in the request what it waits for.
func (d *drainer) note(ctx context.Context, r *sink.Request, text string) {
	if d.desk.notes[r.ID] == text {
		return
	}
	if err := d.w.cfg.Desk.Note(ctx, r.ID, text); err != nil {
		d.w.log.Debug("could not note what a request waits for", "request", r.ID, "error", err)
		return
	}
	d.desk.notes[r.ID] = text
}

// discard drops one letter. Those behind it stay, in their order. Units that
// are still pending on its rows may have been computed from an image that
// MySQL never got: their rows are tainted until they have drained.
func (d *drainer) discard(ctx context.Context, r *sink.Request) error {
	rows := d.parked.letters[r.LSN]
	a := sink.Answer{State: sink.StateApplied, Result: "discarded", Remove: []uint64{r.Letter}, Touched: touch(rows, nil)}
	err := d.desk.trouble.do(ctx, func(ctx context.Context) error { return d.answer(ctx, r, a, sink.Batch{}) })
	if err != nil {
		return d.refusedAnswer(ctx, r, err)
	}
	d.parked.remove([]row.LSN{r.LSN})
	d.showParked()
	d.answered(r, "discarded")
	return nil // the next round cleans the cache
}

// edit stores other values in a letter.
func (d *drainer) edit(ctx context.Context, r *sink.Request) error {
	var l *letter
	var found []sink.DeadLetter
	err := d.desk.trouble.do(ctx, func(ctx context.Context) (err error) {
		found, err = d.w.cfg.Desk.DeadLettersAt(ctx, d.w.cfg.Lane, []row.LSN{r.LSN})
		return err
	})
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return d.fail(ctx, r, nil, fmt.Errorf("there is no dead letter %d any more", r.Letter))
	}
	if l, err = openLetter(&found[0]); err != nil {
		return d.fail(ctx, r, nil, err)
	}
	edited, err := l.edit(r, time.Now(), d.w.cfg.Current)
	if err != nil {
		return d.fail(ctx, r, nil, err)
	}
	a := sink.Answer{State: sink.StateDone, Result: "edited", Rewrite: edited}
	err = d.desk.trouble.do(ctx, func(ctx context.Context) error { return d.answer(ctx, r, a, sink.Batch{}) })
	if err != nil {
		return d.refusedAnswer(ctx, r, err)
	}
	d.answered(r, "edited")
	return nil
}

// refusedAnswer is for an answer that MySQL refuses: somebody has changed the
// letters by hand, say. Other errors end the drainer's turn.
func (d *drainer) refusedAnswer(ctx context.Context, r *sink.Request, err error) error {
	if !refused(err) {
		return err
	}
	d.desk.stale = true
	return d.fail(ctx, r, nil, err)
}

// cleanse takes the rows of an applied request out of the cache, so that the
// next read asks MySQL, and finishes the request. A row that is written again
// cannot leave yet: it stays tainted, which makes it leave when it settles.
func (d *drainer) cleanse(ctx context.Context, r *sink.Request) (moved bool, err error) {
	rows, claims := readTouched(r.Touched)
	var newest row.LSN
	err = d.settle.do(ctx, func(ctx context.Context) (err error) {
		if err = d.w.cfg.Rows.Drop(ctx, d.w.cfg.Lane, rows); err != nil {
			return err
		}
		if err = d.w.cfg.Rows.DropLeases(ctx, d.w.cfg.Lane, claims); err == nil {
			newest, err = d.w.cfg.Rows.Newest(ctx, d.w.cfg.Lane, rows)
		}
		return err
	})
	if err != nil {
		return false, err
	}
	if newest == 0 {
		err := d.desk.trouble.do(ctx, func(ctx context.Context) error { return d.w.cfg.Desk.Finish(ctx, r.ID) })
		if err != nil {
			return false, err
		}
	}
	// Also the gates of a predecessor that died in the middle: its name for
	// them is the same.
	d.openGates(ctx, r, rows)
	return newest == 0, nil
}

// touch encodes rows, and unique values that they take in MySQL, for a request:
// as a unit that deletes the rows and inserts the values.
func touch(rows []wal.RowKey, claims []wal.ClaimKey) []byte {
	u := &row.Unit{}
	for _, k := range rows {
		u.Mutations = append(u.Mutations, row.Mutation{Table: k.Table, Key: k.Key, Op: row.Delete})
	}
	for _, c := range claims {
		u.Mutations = append(u.Mutations, row.Mutation{Table: c.Table, Key: row.Key(c.Value), Op: row.Insert, Image: row.Image{[]byte(c.Index)}})
	}
	out, err := wal.Encode(u)
	if err != nil {
		return nil // names that were decoded before can be encoded
	}
	return out
}

// readTouched reads what touch wrote.
func readTouched(data []byte) (rows []wal.RowKey, claims []wal.ClaimKey) {
	u, err := wal.Decode(data)
	if err != nil {
		return nil, nil // nothing
	}
	for i := range u.Mutations {
		if m := &u.Mutations[i]; m.Op == row.Delete {
			rows = append(rows, wal.RowKey{Table: m.Table, Key: m.Key})
		} else {
			claims = append(claims, wal.ClaimKey{Table: m.Table, Index: string(m.Image[0]), Value: string(m.Key)})
		}
	}
	return rows, claims
}

// errNotNow says that a retry has to wait; nothing has happened.
var errNotNow = errors.New("not now")
