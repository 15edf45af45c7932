package faults

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/absorber/effect"
	"github.com/rzpsarthak13/shock-absorber/absorber/queue"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// servers are what all runs of a test share.
type servers struct {
	db    *servertest.DB
	pool  *sql.DB // of the test itself
	conns *sql.DB // of its sessions, which may be killed: keeps none
	own   string  // the database of the absorber's tables
	redis string
	admin *redis.Client
}

// runs counts the runs, so that each has a lane, a key prefix and a database of its own.
var runs atomic.Int64

// state is what the tables hold: "table/id" -> the row as text. A row of auto
// whose id is not known stands under "auto/?" and its text.
type state map[string]string

// world is one run.
type world struct {
	*servers
	fault      *fault
	lane       row.Lane
	prefix     string
	database   string
	durability absorber.Durability
	kafka      string // the broker, "" for the queue in Redis
	logger     *slog.Logger
	lossy      bool // the scenario loses Redis: statements may fail without a fault

	started int
	all     []*process
	states  []state   // what may be: more than one while an outcome is unknown
	told    []outcome // what the clients were told
	log     []string  // the same for people
	errs    []string  // statements that failed
}

// newQueue makes a process's queue.
func (w *world) newQueue(rdb redis.UniversalClient, hook effect.Hook) (queue.Queue, error) {
	if w.kafka == "" {
		return queue.NewRedis(rdb, queue.RedisOptions{Prefix: w.prefix, Effects: hook}), nil
	}
	return queue.NewKafka(queue.KafkaOptions{Brokers: []string{w.kafka}, Topic: string(w.lane), GroupID: string(w.lane),
		Lanes: []row.Lane{w.lane}, RequiredAcks: -1, Effects: hook, Logger: slog.New(slog.DiscardHandler)})
}

// options are the settings of all tables.
func (w *world) options(table string) absorber.TableOptions {
	o := absorber.TableOptions{TTL: time.Hour, Lane: w.lane, FreshReads: absorber.FreshDrain, Existence: absorber.ExistenceCheck, Durability: w.durability}
	if strings.HasSuffix(table, ".trusted") {
		o.Existence = absorber.ExistenceTrust
	}
	return o
}

// failure ends a run: many run at once, not each in a test's own goroutine.
type failure string

// failf ends the run with all that is known about it.
func (w *world) failf(format string, args ...any) {
	panic(failure(fmt.Sprintf("fault %s (hit %v): %s\nhistory:\n  %s", w.fault, w.fault.happened(), fmt.Sprintf(format, args...), strings.Join(w.log, "\n  "))))
}

// note writes the history.
func (w *world) note(format string, args ...any) {
	w.log = append(w.log, fmt.Sprintf(format, args...))
}

// process gives the i-th process that lives. One that cannot start, or has
// died before it was up, is started again as a supervisor would.
func (w *world) process(i int) *process {
	var live []*process
	for _, p := range w.all {
		if !p.dead.Load() {
			live = append(live, p)
		}
	}
	if len(live) > 0 && (len(w.all) >= 2 || len(live) > i) {
		return live[i%len(live)]
	}
	var err error
	for range 5 {
		var p *process
		if p, err = w.start(); err == nil {
			w.all = append(w.all, p)
			return w.process(i)
		}
		w.note("a process did not start: %v", err)
	}
	w.failf("no process starts: %v", err)
	return nil
}

// table is a table as the process knows it.
func (p *process) table(name string) *schema.Table {
	t := p.engine.Catalog().Absorbed(schema.Name{DB: p.w.database, Table: name})
	if t == nil {
		p.w.failf("%s is not absorbed", name)
	}
	return t
}

// outcome of a statement, as its client knows it.
type outcome int

const (
	done    outcome = iota
	refused         // nothing has happened, or will
	unknown         // it may have happened
)

// do runs a statement on a process and notes what the client was told. A
// client of a process that dies is told nothing.
func (w *world) do(p *process, what string, f func(ctx context.Context) error) outcome {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	result := make(chan error, 1)
	p.running.Go(func() {
		defer func() {
			if r := recover(); r != nil {
				result <- fmt.Errorf("%v", r)
			}
		}()
		result <- f(ctx)
	})
	var err error
	select {
	case err = <-result:
	case <-p.died:
		<-time.After(20 * time.Millisecond) // what was on its way has arrived
		err = errCut
	}
	var e *row.Error
	o := refused
	switch {
	case err == nil:
		o = done
	case p.dead.Load(), errors.As(err, &e) && e.Kind == row.Ambiguous:
		o = unknown
	}
	w.note("%s on %s: %v %v", what, p.name, [...]string{"done", "refused", "unknown"}[o], err)
	w.told = append(w.told, o)
	if o != done {
		w.errs = append(w.errs, what+": "+err.Error())
		if ctx.Err() != nil {
			w.failf("%s took a minute", what)
		}
	}
	return o
}

// write runs a statement whose effect is known. effect changes a state, or
// reports that the statement, as it was answered, cannot have met this state.
func (w *world) write(p *process, what string, f func(ctx context.Context) error, effect func(s state) bool) {
	o := w.do(p, what, f)
	if o == refused {
		return
	}
	var next []state
	for _, s := range w.states {
		if o == unknown {
			next = add(next, s)
		}
		changed := maps.Clone(s)
		if effect(changed) || o == unknown {
			next = add(next, changed)
		}
	}
	if len(next) == 0 {
		w.failf("%s was answered as it cannot be; the tables hold %v", what, w.states)
	}
	w.states = next
}

// add adds a state that is not there yet.
func add(all []state, s state) []state {
	for _, a := range all {
		if maps.Equal(a, s) {
			return all
		}
	}
	return append(all, s)
}

// observe keeps the states in which ok holds.
func (w *world) observe(what string, ok func(s state) bool) {
	var next []state
	for _, s := range w.states {
		if ok(s) {
			next = append(next, s)
		}
	}
	if len(next) == 0 {
		w.failf("%s does not agree with what was acknowledged; possible: %v", what, w.states)
	}
	w.states = next
}

// insist repeats what an operator would until it succeeds.
func (w *world) insist(what string, f func(ctx context.Context, p *process) error) {
	var err error
	for i := range 100 {
		p := w.process(i)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		err = f(ctx, p)
		cancel()
		if err == nil {
			return
		}
		w.note("%s on %s: %v", what, p.name, err)
		<-time.After(20 * time.Millisecond)
	}
	w.failf("%s: %v", what, err)
}

// eventually waits until ok.
func (w *world) eventually(what string, ok func() bool) {
	deadline := time.Now().Add(time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			w.failf("not within a minute: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// direct runs a statement in MySQL, past the absorber.
func (w *world) direct(sql string) error {
	_, err := w.pool.Exec(strings.ReplaceAll(sql, "~", w.database))
	return err
}
