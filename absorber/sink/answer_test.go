package sink

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// buried stores two dead letters and asks for a retry of the first.
func buried(t *testing.T, s *Sink) (letters []DeadLetter, request uint64) {
	t.Helper()
	unit := []byte(strings.Repeat("u'\x00\xff", 700)) // of several parts
	err := s.Apply(t.Context(), Batch{Lane: "main", Epoch: 1, To: 2, Dead: []DeadLetter{
		{Lane: "main", LSN: 1, Tables: "a.b", Code: 3819, Cause: "check", Unit: unit, Definition: []byte(`[{"table":"a.b"}]`)},
		{Lane: "main", LSN: 2, Tables: "a.b", Cause: "parked behind lsn 1", Unit: []byte("second")}}})
	if err != nil {
		t.Fatal(err)
	}
	if letters, err = s.DeadLettersAt(t.Context(), "main", []row.LSN{2, 1, 77}); err != nil || len(letters) != 2 || string(letters[0].Definition) != `[{"table":"a.b"}]` {
		t.Fatalf("%+v, %v", letters, err)
	}
	if request, err = s.Ask(t.Context(), VerbRetry, letters[0].ID, "me", nil); err != nil {
		t.Fatal(err)
	}
	return letters, request
}

// retried is the answer to a retry of both letters.
func retried(w *world, letters []DeadLetter, request uint64) Batch {
	tab := w.table()
	return Batch{Lane: "main", Epoch: 1, From: 2, To: 2, InOrder: true,
		Changes: []Change{change(tab, 1, row.Insert, 1, "x", 1), change(tab, 2, row.Update, 1, "y", 1, 1)},
		Answer:  &Answer{Request: request, State: StateApplied, Result: "applied", Touched: []byte("rows"), Remove: []uint64{letters[0].ID, letters[1].ID}}}
}

func TestAnswerHappensExactlyOnce(t *testing.T) {
	for name, arm := range map[string]func(c *cutter){
		"request lost":                 func(c *cutter) { c.before = true },
		"reply lost":                   func(c *cutter) { c.after = true },
		"request lost, server unaware": func(c *cutter) { c.freeze = true },
	} {
		t.Run(name, func(t *testing.T) {
			onServers(t, func(t *testing.T, w *world) {
				cut := newCutter(t, w.db.Addr)
				s := w.open(t, cut.addr)
				s.cfg.MaxStatement = 2048
				if err := s.Ensure(t.Context()); err != nil {
					t.Fatal(err)
				}
				if _, err := s.Takeover(t.Context(), "main", 0); err != nil {
					t.Fatal(err)
				}
				w.pairs(t)
				letters, request := buried(t, s)
				cut.arm(arm)
				b := retried(w, letters, request)
				for range 2 { // asked again it is recognised
					if err := s.Apply(t.Context(), b); err != nil {
						t.Fatal(err)
					}
				}
				if cut.cuts != 1 {
					t.Fatalf("%d cuts", cut.cuts)
				}
				if got := w.rows(t, "SELECT * FROM pairs"); got != "1 y 1" {
					t.Errorf("rows: %s", got)
				}
				if got := w.rows(t, "SELECT COUNT(*) FROM dead_letters"); got != "0" {
					t.Errorf("%s parts of dead letters", got)
				}
				r, err := s.Request(t.Context(), request)
				if err != nil || r.State != StateApplied || r.Result != "applied" || string(r.Touched) != "rows" || r.By != "me" || r.LSN != 0 || r.Letter != letters[0].ID {
					t.Errorf("%+v, %v", r, err)
				}
				if err := s.Finish(t.Context(), request); err != nil {
					t.Fatal(err)
				}
				if open, err := s.Requests(t.Context(), "main"); err != nil || len(open) != 0 {
					t.Errorf("%+v, %v", open, err)
				}
			})
		})
	}
}

// Only the owner answers, only what is there, and all or nothing.
func TestAnswerIsGuarded(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, _ := w.owned(t, "main")
		w.pairs(t)
		letters, request := buried(t, s)
		b := retried(w, letters, request)
		untouched := func(what string) {
			t.Helper()
			if got := w.rows(t, "SELECT (SELECT COUNT(*) FROM pairs), (SELECT COUNT(*) FROM dead_letters WHERE part=0), (SELECT state FROM requests)"); got != "0 2 open" {
				t.Errorf("%s: %s", what, got)
			}
		}
		gone := b
		answer := *b.Answer
		answer.Remove = append([]uint64{4711}, answer.Remove...)
		gone.Answer = &answer
		expectKind(t, s.Apply(t.Context(), gone), row.Permanent)
		untouched("a letter that is not there")
		bad := b
		bad.Changes = append(bad.Changes, change(w.table(), 2, row.Update, 99, "x", 1, 1))
		if e := expectKind(t, s.Apply(t.Context(), bad), row.Permanent); e.LSN != 2 {
			t.Errorf("the error names lsn %d", e.LSN)
		}
		untouched("a row that MySQL does not have")
		second := w.open(t, "")
		if _, err := second.Takeover(t.Context(), "main", 0); err != nil {
			t.Fatal(err)
		}
		for err := s.Apply(t.Context(), b); ; err = s.Apply(t.Context(), b) {
			if e := expectKindIn(t, err, row.Transient, row.Fenced); e.Kind == row.Fenced {
				break
			}
		}
		untouched("a drainer that was replaced")
		if _, err := s.Ask(t.Context(), VerbDiscard, 4711, "me", nil); !errors.Is(err, ErrNoLetter) {
			t.Errorf("a request about no letter: %v", err)
		}
	})
}

func TestLettersAreRewrittenAndRefusedAnew(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, _ := w.owned(t, "main")
		s.cfg.MaxStatement = 2048
		letters, request := buried(t, s)
		for i, size := range []int{5000, 3, 1500} {
			d := letters[0]
			d.Unit, d.Edits, d.Definition = []byte(strings.Repeat("é'", size)), fmt.Append(nil, "edit ", i), []byte("new")
			a := &Answer{Request: request, State: StateDone, Rewrite: &d}
			if err := s.Apply(t.Context(), Batch{Lane: "main", Epoch: 1, From: 2, To: 2, Answer: a}); err != nil {
				t.Fatal(err)
			}
			got, err := s.DeadLetter(t.Context(), d.ID)
			if err != nil || got.LSN != 1 || string(got.Unit) != string(d.Unit) || string(got.Edits) != string(d.Edits) || string(got.Definition) != "new" || !got.Created.Equal(letters[0].Created) {
				t.Errorf("size %d: %+v, %v", size, got, err)
			}
			if request, err = s.Ask(t.Context(), VerbEdit, d.ID, "me", []byte("how")); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Note(t.Context(), request, "waits"); err != nil {
			t.Fatal(err)
		}
		if r, err := s.Request(t.Context(), request); err != nil || r.Result != "waits" || string(r.Argument) != "how" || r.LSN != 1 {
			t.Errorf("%+v, %v", r, err)
		}
		a := &Answer{Request: request, State: StateFailed, Result: "no", Refused: &DeadLetter{ID: letters[1].ID, Code: 1062, Cause: "clash"}}
		if err := s.Apply(t.Context(), Batch{Lane: "main", Epoch: 1, From: 2, To: 2, Answer: a}); err != nil {
			t.Fatal(err)
		}
		if got, err := s.DeadLetter(t.Context(), letters[1].ID); err != nil || got.Code != 1062 || got.Cause != "clash" {
			t.Errorf("%+v, %v", got, err)
		}
		if got, err := s.DeadLetter(t.Context(), 4711); got != nil || err != nil {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// The tables of a version before requests and edits are brought up to date.
func TestEnsureBringsOldTablesUpToDate(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		old := strings.NewReplacer(" definition MEDIUMBLOB NULL,\n", "", " edits MEDIUMBLOB NULL,\n", "").Replace(tables["dead_letters"])
		w.db.Exec(t, w.name, "CREATE TABLE checkpoint "+strings.Replace(tables["checkpoint"], " refused VARCHAR(4096) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',\n", "", 1),
			"INSERT INTO checkpoint (lane,epoch,lsn) VALUES ('main',3,4)", "CREATE TABLE dead_letters "+old,
			"CREATE TABLE requests "+strings.Replace(tables["requests"], " updated TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),\n", "", 1),
			"INSERT INTO dead_letters (lane,lsn,tables,cause,unit) VALUES ('main',5,'a.b','c','u')")
		s := w.open(t, "")
		for range 2 {
			if err := s.Ensure(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if cp, err := s.Checkpoint(t.Context(), "main"); err != nil || !reflect.DeepEqual(cp, Checkpoint{Epoch: 3, LSN: 4}) {
			t.Errorf("the checkpoint is %+v, %v", cp, err)
		}
		if n, err := s.Purge(t.Context(), 0); n != 0 || err != nil {
			t.Errorf("purged %d of no requests, %v", n, err)
		}
		got, err := s.DeadLetters(t.Context(), "main", 0, 10)
		if err != nil || len(got) != 1 || got[0].LSN != 5 || len(got[0].Definition)+len(got[0].Edits) != 0 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
