package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// counterSQL is a small table; counterRow its row.
const (
	counterSQL = "create table t (id int primary key, n int default 5, vu varchar(10) unique, check (n < 1000))"
	counterRow = "insert into t (id, vu) values (1, 'x')"
)

// counterBench is a bench with that table.
func counterBench(t *testing.T, db *servertest.DB) *shadowBench {
	b := newShadowBench(t, db, baseCaps|wire.CapDeprecateEOF, counterSQL, counterRow)
	b.reset()
	return b
}

// refusal runs a job that must be refused, and returns the reason and the text.
func (b *shadowBench) refusal(j *shadowJob) (reason, text string) {
	b.tb.Helper()
	res, err := b.shadows.run(context.Background(), j)
	var refused *shadowRefused
	if !errors.As(err, &refused) {
		b.tb.Fatalf("%s: not refused: %+v, %v", j.sql, res, err)
	}
	return refused.reason, refused.Error()
}

// TestShadowFollows runs statements one after the other, each on what the one
// before left, in several sessions at once, and looks at the real table.
func TestShadowFollows(t *testing.T) {
	onReal(t, func(t *testing.T, db *servertest.DB, plugin string) {
		b := counterBench(t, db)
		gtid := func() string {
			if plugin == wire.PluginNative {
				return ""
			}
			return string(b.own.reply(b.own.run(q("select @@global.gtid_executed"))).rows[0])
		}
		before, start := gtid(), b.job(&shadowCase{sql: "update t set n = n + 1 where id = 1"}, true)
		var clients sync.WaitGroup
		for range 20 {
			clients.Go(func() {
				job := *start
				for i := range 20 {
					res, err := b.shadows.run(context.Background(), &job)
					if err != nil || len(res.after) != 1 || string(res.after[0][1]) != fmt.Sprint(6+i) || res.ok.Affected != 1 {
						t.Errorf("%d: %+v %v", i, res, err)
						return
					}
					job.rows = res.after
				}
			})
		}
		clients.Wait()
		if n := len(b.shadows.idle); n > shadowConnections || n == 0 {
			t.Errorf("%d connections", n)
		}
		if got := b.images(); len(got) != 1 || !got[0].Equal(start.rows[0]) || gtid() != before {
			t.Errorf("the real table has changed: %q", got)
		}
		if v, err := (rawQueryer{b.own}).Query("select count(*) from information_schema.innodb_trx"); err != nil || string(v[0][0]) != "0" {
			t.Errorf("%s transactions are open, %v", v, err)
		}
	})
}

// TestShadowDefinitions follows DDL, and makes shadows of tables that are more
// than columns.
func TestShadowDefinitions(t *testing.T) {
	onReal(t, func(t *testing.T, db *servertest.DB, _ string) {
		b := counterBench(t, db)
		database := b.table.Name.DB
		for _, ddl := range []string{
			"alter table t add column extra int default 7", "alter table t drop column extra", "alter table t add constraint tight check (n < 6)",
			"alter table t drop index vu, add fulltext key (vu)", "alter table t drop index vu", "alter table t partition by range (id) (partition a values less than (10), partition z values less than maxvalue)",
			"alter table t remove partitioning", "alter table t row_format = compressed, comment = 'a ROW_FORMAT=COMPACT one'", "alter table t row_format = compact",
			"create table parent (id int primary key)", "alter table t add column p int, add constraint fk foreign key (p) references parent (id)", "alter table t add column `n``, ('` int", "alter table t drop column `n``, ('`",
		} {
			b.reset()
			b.own.ok(ddl)
			b.table = loadTable(t, db, database, "t")
			b.compare(&shadowCase{sql: "insert into t (id, vu) values (2, 'y')"})
			b.compare(&shadowCase{sql: "update t set n = n + 1 where id = ?", params: []param{integer(1)}})
		}
		if n := len(b.shadows.idle); n != 1 || len(b.shadows.idle[0].tables) != 1 {
			t.Errorf("%d connections, %d tables", n, len(b.shadows.idle[0].tables))
		}
		for i := range shadowTables + 3 {
			name := fmt.Sprintf("t%d` (x", i)
			b.own.ok("create table `" + strings.ReplaceAll(name, "`", "``") + "` (id int primary key, n int)")
			table := loadTable(t, db, database, name)
			sql := "insert into `" + strings.ReplaceAll(name, "`", "``") + "` values (1, 2)"
			res, err := b.shadows.run(t.Context(), &shadowJob{table: table, sql: []byte(sql), session: b.session()})
			if err != nil || len(res.after) != 1 {
				t.Errorf("%s: %v", sql, err)
			}
		}
		if n := len(b.shadows.idle[0].tables); n != shadowTables {
			t.Errorf("%d tables are kept", n)
		}
	})
}

// TestShadowRights names what is missing, and believes it for a while.
func TestShadowRights(t *testing.T) {
	onReal(t, func(t *testing.T, db *servertest.DB, plugin string) {
		b := counterBench(t, db)
		name := b.table.Name.DB
		db.Exec(t, "", "create user if not exists limited identified by 'secret'", "revoke all privileges, grant option from limited", "grant select, insert, update, delete on "+name+".* to limited")
		b.shadows = newShadows(ShadowConfig{Backend: BackendConfig{Addr: db.Addr}, User: "limited", Password: "secret", Logger: slog.New(slog.DiscardHandler)})
		defer func() { b.shadows.close() }()
		job := b.job(&shadowCase{sql: "update t set n = n + 1 where id = 1"}, true)
		for range 2 {
			if reason, text := b.refusal(job); reason != reasonShadowRights || !strings.Contains(text, "GRANT CREATE TEMPORARY TABLES ON `"+name+"`.*") {
				t.Errorf("%s: %s", reason, text)
			}
		}
		db.Exec(t, "", "grant create temporary tables on "+name+".* to limited")
		clear(b.shadows.refusals)
		if _, err := b.shadows.run(t.Context(), job); err != nil {
			t.Error(err)
		}
		b.shadows.cfg.Password = "wrong"
		b.shadows.close()
		b.shadows.closed = false
		if reason, text := b.refusal(job); reason != reasonShadowRights || !strings.Contains(text, "log in") {
			t.Errorf("%s: %s", reason, text)
		}
		if plugin == wire.PluginNative {
			return
		}
		db.Exec(t, "", "set global binlog_format = 'STATEMENT'")
		defer db.Exec(t, "", "set global binlog_format = 'ROW'")
		clear(b.shadows.refusals)
		b.shadows.cfg.Password = "secret"
		if reason, text := b.refusal(job); reason != reasonShadowRights || !strings.Contains(text, "GRANT SESSION_VARIABLES_ADMIN") {
			t.Errorf("%s: %s", reason, text)
		}
		b.shadows = newShadows(ShadowConfig{Backend: BackendConfig{Addr: db.Addr}, User: "root", Password: "secret", Logger: slog.New(slog.DiscardHandler)})
		if _, err := b.shadows.run(t.Context(), job); err != nil {
			t.Error(err)
		}
	})
}

// TestShadowRefuses gives a reason for what the shadow cannot tell.
func TestShadowRefuses(t *testing.T) {
	onReal(t, func(t *testing.T, db *servertest.DB, plugin string) {
		b := counterBench(t, db)
		many := make([]row.Image, shadowMaxRows+1)
		for name, c := range map[string]struct {
			sql, reason string
			change      func(*shadowJob)
		}{
			"too many rows":  {"select 1 from t", reasonShadowRows, func(j *shadowJob) { j.rows = many }},
			"no such values": {"select 1 from t", reasonShadowRows, func(j *shadowJob) { j.rows = []row.Image{{[]byte("1"), []byte("x"), nil}} }},
			"not in the check": {"select 1 from t", reasonShadowRows, func(j *shadowJob) {
				j.rows = []row.Image{{[]byte("1"), []byte("1000"), nil}}
			}},
			"out of range":   {"select 1 from t", reasonShadowRows, func(j *shadowJob) { j.rows = []row.Image{{[]byte("5000000000"), nil, nil}} }},
			"too few values": {"select 1 from t", reasonShadowRows, func(j *shadowJob) { j.rows = []row.Image{{[]byte("1")}} }},
			"utf16":          {"select 1 from t", reasonShadowCharset, func(j *shadowJob) { j.session.results = "utf16" }},
			"other table":    {"update t set n = (select max(n) from other)", reasonShadowStatement, func(*shadowJob) {}},
			"result":         {"select 1 from t", reasonShadowStatement, func(j *shadowJob) { j.reads = false }},
			"two statements": {"select 1 from t; delete from t", "", func(*shadowJob) {}},
			"zone":           {"select 1 from t", reasonShadowStatement, func(j *shadowJob) { j.session.zone = "No/Where" }},
			"database":       {"select 1 from t", reasonShadowStatement, func(j *shadowJob) { j.session.db = "nowhere" }},
			"cursor":         {"select 1 from t", reasonShadowStatement, func(j *shadowJob) { j.execute = []byte("\x17\x01\x00\x00\x00\x01\x01\x00\x00\x00") }},
			"many results":   {"with recursive r as (select 1 as n union all select n + 1 from r where n < 900) select t.id from t, r, r as s where s.n < 20", reasonShadowRows, func(*shadowJob) {}},
		} {
			job := b.job(&shadowCase{sql: c.sql, reads: true}, true)
			c.change(job)
			if c.reason == "" {
				if res, err := b.shadows.run(t.Context(), job); err != nil || res.failure == nil || res.failure.Code != 1064 {
					t.Errorf("%s: %+v, %v", name, res, err)
				}
			} else if reason, text := b.refusal(job); reason != c.reason {
				t.Errorf("%s: %s: %s", name, reason, text)
			}
		}
		if plugin != wire.PluginNative {
			if reason, text := b.refusal(b.job(&shadowCase{sql: "select * from t a, t b", reads: true}, true)); reason != reasonShadowStatement {
				t.Errorf("twice: %s: %s", reason, text)
			}
		}
	})
}

// TestShadowConnections: idle connections that die are replaced, a client that
// goes away ends its run, and the number of connections has a limit.
func TestShadowConnections(t *testing.T) {
	onReal(t, func(t *testing.T, db *servertest.DB, _ string) {
		b := counterBench(t, db)
		job := b.job(&shadowCase{sql: "update t set n = n + 1 where id = 1"}, true)
		for range 3 {
			if _, err := b.shadows.run(t.Context(), job); err != nil {
				t.Fatal(err)
			}
			b.own.ok(fmt.Sprintf("kill %d", b.shadows.idle[0].be.id))
		}
		b.shadows.cfg.Connections, b.shadows.slots = 1, make(chan struct{}, 1)
		other := *job
		other.session.caps |= wire.CapFoundRows
		for _, j := range []*shadowJob{job, &other, job} {
			if _, err := b.shadows.run(t.Context(), j); err != nil || len(b.shadows.idle) != 1 {
				t.Fatal(err, len(b.shadows.idle))
			}
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		slow := *job
		slow.sql = []byte("update t set n = n + sleep(60) where id = 1")
		time.AfterFunc(50*time.Millisecond, func() { cancel(errInterrupted) })
		if _, err := b.shadows.run(ctx, &slow); !errors.Is(err, errInterrupted) || len(b.shadows.idle) != 0 {
			t.Errorf("%v, %d idle", err, len(b.shadows.idle))
		}
		b.shadows.slots <- struct{}{}
		short, cancelShort := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancelShort()
		var refused *shadowRefused
		if _, err := b.shadows.run(short, job); !errors.As(err, &refused) || refused.reason != reasonShadowBusy {
			t.Errorf("no free connection: %v", err)
		}
		<-b.shadows.slots
		b.shadows.close()
		if reason, _ := b.refusal(job); reason != reasonShadowBusy {
			t.Errorf("closed: %s", reason)
		}
		gone := newShadows(ShadowConfig{Backend: BackendConfig{Addr: "127.0.0.1:1"}})
		var e *wire.ErrPacket
		if _, err := gone.run(t.Context(), job); !errors.As(err, &e) || e.Code != codeCannotConnect {
			t.Errorf("no server: %v", err)
		}
	})
}

// TestTemporaryDefinition takes apart what servers print.
func TestTemporaryDefinition(t *testing.T) {
	b := schema.Name{DB: "d", Table: "a`b"}
	const head, tail = "CREATE TABLE `a``b` (\n", "\n) ENGINE=InnoDB AUTO_INCREMENT=5 DEFAULT CHARSET=latin1 COLLATE=latin1_bin ROW_FORMAT=COMPACT COMMENT='ROW_FORMAT=REDUNDANT'\n/*!50100 PARTITION BY KEY () */"
	create := head + "  `x` int DEFAULT 'a\\',(''(' COMMENT \"',\",\n  CONSTRAINT `f``) FOREIGN KEY (` CHECK (`x` in (1,(2))),\n  CONSTRAINT `f``,(` FOREIGN KEY (`x`) REFERENCES `p` (`a`,`b`) ON DELETE CASCADE,\n  FULLTEXT KEY `k` (`x`,`y`),\n  SPATIAL KEY `s` (`g`),\n  FOREIGN KEY (`x`) REFERENCES `p` (`x`)" + tail
	want := "CREATE TEMPORARY TABLE `d`.`a``b` (\n  `x` int DEFAULT 'a\\',(''(' COMMENT \"',\",\n  CONSTRAINT `f``) FOREIGN KEY (` CHECK (`x` in (1,(2)))) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_bin ROW_FORMAT=COMPACT"
	if got, err := temporaryDefinition(b, create); err != nil || got != want {
		t.Errorf("%v\n%s\n%s", err, got, want)
	}
	for _, bad := range []string{"", "CREATE TABLE `other` (`x` int)", "CREATE TEMPORARY TABLE `a``b` (`x` int)", head + "`x` int", head + "`x", head + "`x` int DEFAULT '", "CREATE VIEW `a``b`"} {
		if got, err := temporaryDefinition(b, bad); err == nil {
			t.Errorf("%q: %s", bad, got)
		}
	}
}
