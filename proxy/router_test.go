package proxy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// scripted is a router for tests: it answers statements that start with
// "local", and notes all calls.
type scripted struct {
	passThrough
	conn  *Conn
	calls []string
	saved []byte // answer to a PREPARE, for another session
	fail  error  // what Before and After say
	after bool   // only After
	hangs chan struct{}
}

func (r *scripted) note(format string, args ...any) {
	r.calls = append(r.calls, fmt.Sprintf(format, args...))
}

// Query answers "local <text>" with a row, "rows <sql>" from the backend.
func (r *scripted) Query(ctx context.Context, sql []byte) (bool, error) {
	r.note("query %s", sql)
	word, arg, _ := strings.Cut(string(sql), " ")
	switch word {
	case "local":
		return true, r.row(arg)
	case "count":
		rows, err := r.conn.BackendQuery(ctx, arg, nil)
		if err != nil {
			return false, err
		}
		return true, r.row(fmt.Sprint(len(rows.Columns), " ", len(rows.Rows)))
	case "hang":
		close(r.hangs)
		<-ctx.Done()
		return false, ctx.Err()
	}
	return false, nil
}

// row answers with one row.
func (r *scripted) row(text string) error {
	def := wire.AppendColumnDef(nil, r.conn.Caps(), &wire.ColumnDef{Name: "c", Type: wire.TypeVarString})
	return errors.Join(r.conn.WriteColumns([][]byte{def}, wire.OK{Status: r.conn.Status()}),
		r.conn.WriteRow(wire.AppendTextRow(nil, [][]byte{[]byte(text)})), r.conn.WriteEnd(wire.OK{Status: r.conn.Status()}))
}

// Prepare answers from what an earlier session got.
func (r *scripted) Prepare(_ context.Context, st *Stmt) (bool, error) {
	r.note("prepare %s", st.SQL)
	if r.saved != nil {
		return true, r.conn.WritePrepared(st, r.saved)
	}
	return false, nil
}

// Execute answers where the first parameter is "local".
func (r *scripted) Execute(_ context.Context, st *Stmt, payload []byte) (bool, error) {
	ex, ok := st.Decode(payload, r.conn.Caps())
	if !ok {
		r.note("execute ?")
		return false, nil
	}
	r.note("execute %s", ex.Params[0].Text)
	if string(ex.Params[0].Text) == "local" {
		return true, r.conn.WriteOK(wire.OK{Affected: 7})
	}
	return false, nil
}

// Before notes the command.
func (r *scripted) Before(_ context.Context, cmd byte, _ []byte) error {
	r.note("before %s", wire.CommandName(cmd))
	if r.after {
		return nil
	}
	return r.fail
}

// After notes the result.
func (r *scripted) After(_ context.Context, cmd byte, resp *wire.Response) error {
	r.note("after %s affected=%d rows=%v err=%v", wire.CommandName(cmd), resp.Affected, resp.Rows, resp.Err != nil)
	return r.fail
}

// startScripted runs a proxy whose newest router is *r.
func startScripted(t *testing.T) (s *Server, f *fakeBackend, r **scripted) {
	r = new(*scripted)
	s, f = startOnFake(t, mariaVersion, Config{NewRouter: func(c *Conn) Router { *r = &scripted{conn: c, hangs: make(chan struct{})}; return *r }})
	return s, f, r
}

// called compares the calls since the last time.
func (r *scripted) called(t *testing.T, want ...string) {
	t.Helper()
	if got := strings.Join(r.calls, "; "); got != strings.Join(want, "; ") {
		t.Errorf("calls: %s", got)
	}
	r.calls = nil
}

// oneQuery runs a command without the marker that would show up among the
// calls, and returns the first packet of its answer.
func (c *rawClient) oneQuery(s step) []byte {
	c.tb.Helper()
	if err := c.write(0, c.payload(s)); err != nil {
		c.tb.Fatal(err)
	}
	p, err := c.packet()
	if err != nil {
		c.tb.Fatal(err)
	}
	return p
}

// tryQuery runs a statement and returns the first packet of its answer.
func (c *rawClient) tryQuery(sql string) ([]byte, error) {
	if err := c.write(0, c.payload(q(sql))); err != nil {
		return nil, err
	}
	return c.packet()
}

// TestRouter shows each call and what errors do.
func TestRouter(t *testing.T) {
	s, _, r := startScripted(t)
	c := dialApp(t, s)
	if got := c.value("local text"); got != "text" || s.Sessions()[0].HasBackend() != true {
		t.Errorf("local row %q", got) // the marker opened the backend
	}
	(*r).calls = nil
	c.oneQuery(q("ok"))
	(*r).called(t, "query ok", "before query", "after query affected=2 rows=false err=false")
	if p := c.oneQuery(q("fail")); p[4] != 0xff {
		t.Errorf("%q", p)
	}
	(*r).called(t, "query fail", "before query", "after query affected=0 rows=false err=true")
	if got := c.value("count rows 300"); got != "1 300" {
		t.Errorf("counted %s", got)
	}
	if e := c.fails(q("count fail")); e.Code != 1146 {
		t.Errorf("%v", e)
	}
	(*r).fail = NewError(1205, "HY000", "wait")
	if e := c.fails(q("ok")); e.Code != 1205 || e.Message != "wait" {
		t.Errorf("before: %v", e)
	}
	(*r).after = true
	if e := c.fails(q("ok")); e.Code != 1205 {
		t.Errorf("after: %v", e)
	}
	(*r).fail = errors.New("plain")
	if e := c.fails(q("rows 3")); e.Code != codeUnknownError || e.Message != "plain" {
		t.Errorf("after: %v", e)
	}
	(*r).fail = nil
	c.ok("ok")
}

// TestOverrideStatus changes the flags of forwarded and local answers.
func TestOverrideStatus(t *testing.T) {
	s, _, r := startScripted(t)
	for _, caps := range []wire.Capability{baseCaps, baseCaps | wire.CapDeprecateEOF} {
		c := dialRaw(t, s.Addr().String(), "app", "secret", "", caps)
		c.ok("ok")
		(*r).conn.OverrideStatus(wire.StatusInTransaction, wire.StatusAutocommit)
		for _, sql := range []string{"ok", "row x", "rows 10", "local x"} {
			packets := c.run(q(sql))
			p := packets[len(packets)-1]
			var ok wire.OK
			var err error
			if p[4] == 0 {
				ok, err = wire.ParseOK(p[4:], caps)
			} else {
				ok, err = wire.ParseEOF(p[4:], caps)
			}
			if err != nil || ok.Status != wire.StatusInTransaction {
				t.Errorf("%s: status %#x, %v", sql, ok.Status, err)
			}
		}
		c.nc.Close()
	}
}

// TestInterrupt ends a statement that waits in the router, and the session
// goes on.
func TestInterrupt(t *testing.T) {
	s, _, r := startScripted(t)
	c := dialApp(t, s)
	c.ok("ok")
	sess := (*r).conn
	c.write(0, append([]byte{wire.ComQuery}, "hang"...))
	<-(*r).hangs
	sess.kill(true)
	if p, err := c.packet(); err != nil || p[4] != 0xff || !strings.Contains(string(p), "interrupted") {
		t.Errorf("%q %v", p, err)
	}
	c.ok("ok")
}

// TestPreparedElsewhere: a PREPARE answered by the router, executed here, then
// at the backend, which has never seen the statement nor its types.
func TestPreparedElsewhere(t *testing.T) {
	s, f, r := startScripted(t)
	c := dialApp(t, s)
	c.run(prep("insert ?"))
	var saved []byte
	for _, st := range (*r).conn.stmts.byID {
		saved = st.Response
	}
	c.nc.Close()
	c = dialApp(t, s)
	(*r).saved = saved
	c.run(prep("insert ?"))
	c.oneQuery(exec("types come here", 1, 0, 0, 1, 0xfd, 0, 5, 'l', 'o', 'c', 'a', 'l'))
	(*r).calls = nil
	got := c.run(exec("no types", 1, 0, 0, 0, 3, 'a', 'b', 'c'))
	if len(got) != 4 || string(got[2][6:]) != "\x03abc" {
		t.Errorf("%q", got)
	}
	c.run(raw("long", wire.ComStmtLongData, append(append(u32(1), 0, 0), "lo"...)...))
	c.run(raw("long", wire.ComStmtLongData, append(append(u32(1), 0, 0), "ng"...)...))
	if got := c.run(exec("long", 1, 0, 0, 1, 0xfc, 0)); len(got) != 4 || string(got[2][6:]) != "\x04long" {
		t.Errorf("%q", got)
	}
	if !strings.Contains(strings.Join((*r).calls, ";"), "execute long") {
		t.Errorf("the router did not see the long data: %v", (*r).calls)
	}
	f.closeAll() // a stateless session would prepare again; this one ends
}
