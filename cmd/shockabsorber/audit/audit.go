package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/time/rate"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// Sources say where to look.
type Sources struct {
	MySQL func(ctx context.Context) (*client.Conn, error)
	Redis redis.UniversalClient
	Kafka []kgo.Opt // nil: the queue is not Kafka
	Topic string
	// Stream says that the queue is a stream in Redis.
	Stream bool

	Lanes  []row.Lane
	Tables func(schema.Name) bool // configured to be absorbed
	LaneOf func(table string) row.Lane
}

// Options bound a run.
type Options struct {
	Rate  float64       // rows, units and records a second; 0 = unlimited
	Grace time.Duration // between the two looks at a suspect
}

// DefaultGrace is longer than another process takes to take a lane over (its
// lease is 10 s) and to settle what the one before had applied.
const DefaultGrace = 20 * time.Second

// Finding is one disagreement.
type Finding struct {
	Kind   string   `json:"kind"`
	Lane   row.Lane `json:"lane"`
	Table  string   `json:"table,omitempty"`
	Key    string   `json:"key,omitempty"` // of the row: its primary key, else the encoded key in hexadecimal
	LSN    row.LSN  `json:"lsn,omitempty"`
	Detail string   `json:"detail"`
}

// ident is what a finding has in common with itself at the second look.
func (f Finding) ident() string {
	return fmt.Sprint(f.Kind, "|", f.Lane, "|", f.Table, "|", f.Key, "|", f.LSN)
}

// Report is what a run has found.
type Report struct {
	Findings []Finding      `json:"findings"`
	Remarks  []string       `json:"remarks"`
	Looked   map[string]int `json:"looked"` // what was compared, and how many
	More     int            `json:"more"`   // findings beyond MaxFindings
}

// MaxFindings is how many disagreements a report lists.
const MaxFindings = 1000

// errMoved says that the lane began another life during a pass.
var errMoved = errors.New("the lane changed its incarnation while it was looked at: run the audit again")

// auditor is one run.
type auditor struct {
	Sources
	opts    Options
	limiter *rate.Limiter
	db      *database
	catalog *schema.Catalog
	report  *Report
	letters map[letterKey]row.LSN // rows of dead letters, and the newest letter's LSN
}

// Run looks at everything. An error says that it could not look.
func Run(ctx context.Context, s Sources, o Options) (*Report, error) {
	if o.Grace <= 0 {
		o.Grace = DefaultGrace
	}
	limit := rate.Inf
	if o.Rate > 0 {
		limit = rate.Limit(o.Rate)
	}
	a := &auditor{Sources: s, opts: o, limiter: rate.NewLimiter(limit, pageRows), report: &Report{Looked: map[string]int{}, Findings: []Finding{}, Remarks: []string{}}}
	conn, err := s.MySQL(ctx)
	if err != nil {
		return nil, err
	}
	if a.db, err = prepare(ctx, conn); err != nil {
		return nil, err
	}
	defer a.db.close()
	known, err := a.seenTables(ctx)
	if err != nil {
		return nil, err
	}
	want := func(n schema.Name) bool { return s.Tables(n) || known[n] }
	if a.catalog, err = schema.Load(a.db, want, schema.Options{CollationExact: row.CollationExact}); err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	for _, lane := range s.Lanes {
		if err := a.lane(ctx, lane); err != nil {
			return nil, fmt.Errorf("lane %s: %w", lane, err)
		}
	}
	return a.report, nil
}

// pass is one way to look at a lane.
type pass struct {
	name string
	look func(ctx context.Context, l *lane) ([]Finding, error)
}

// lane runs all passes over one lane.
func (a *auditor) lane(ctx context.Context, name row.Lane) error {
	l, err := a.openLane(ctx, name)
	if err != nil || l == nil {
		return err
	}
	for _, p := range []pass{
		{"marks", a.marks}, {"log", a.log}, {"letters", a.deadLetters}, {"pending", a.pending}, {"chains", a.chains},
		{"cache", a.cache}, {"claims", a.claims}, {"gates", a.gates}, {"counters", a.counters}, {"queue", a.queue},
	} {
		found, err := p.look(ctx, l)
		if err == nil && len(found) > 0 {
			found, err = a.again(ctx, l, p, found)
		}
		if err != nil {
			return fmt.Errorf("look at the %s: %w", p.name, err)
		}
		for _, f := range found {
			if len(a.report.Findings) >= MaxFindings {
				a.report.More++
				continue
			}
			a.report.Findings = append(a.report.Findings, f)
		}
	}
	return nil
}

// again repeats a pass after the grace time, and keeps what it finds again.
func (a *auditor) again(ctx context.Context, l *lane, p pass, first []Finding) ([]Finding, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(a.opts.Grace):
	}
	before := map[string]bool{}
	for _, f := range first {
		before[f.ident()] = true
	}
	second, err := p.look(ctx, l)
	if err != nil {
		return nil, err
	}
	var both []Finding
	for _, f := range second {
		if before[f.ident()] {
			both = append(both, f)
		}
	}
	return both, nil
}

// wait lets n rows through the rate limit.
func (a *auditor) wait(ctx context.Context, what string, n int) error {
	a.report.Looked[what] += n
	for n > 0 {
		part := min(n, pageRows)
		if err := a.limiter.WaitN(ctx, part); err != nil {
			return err
		}
		n -= part
	}
	return nil
}

// remark adds a sentence that is no disagreement, once.
func (a *auditor) remark(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for _, r := range a.report.Remarks {
		if r == text {
			return
		}
	}
	a.report.Remarks = append(a.report.Remarks, text)
}

// maxSuspects is how many suspects a pass collects before it looks no further.
const maxSuspects = 10 * MaxFindings

// enough reports whether a pass has found so much that it may end.
func (a *auditor) enough(found []Finding) bool {
	if len(found) < maxSuspects {
		return false
	}
	a.remark("a pass ended early after %d disagreements", maxSuspects)
	return true
}

// tablesOf are the tables of the lane that can be absorbed.
func (a *auditor) tablesOf(name row.Lane) []*schema.Table {
	var out []*schema.Table
	for _, t := range a.catalog.Tables() {
		if t.Absorbable() && a.LaneOf(t.Name.String()) == name {
			out = append(out, t)
		}
	}
	return out
}
