package audit_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/audit"
)

// planted is a disagreement made by hand. Redis is brought back after it; what
// it does to MySQL, undo takes back.
type planted struct {
	kind string
	do   func(s *stage)
	undo []string
}

// plants has each kind that the package names. Those that leave something in
// Kafka, which cannot be taken back, come last.
var plants = []planted{
	{"settled_above_checkpoint", func(s *stage) { s.do("hset", prefix+"meta", "settled", 8) }, nil},
	{"checkpoint_above_log", func(s *stage) { s.mysql("UPDATE shock_absorber.checkpoint SET lsn = 999") }, []string{"UPDATE shock_absorber.checkpoint SET lsn = 5"}},
	{"relayed_above_log", func(s *stage) { s.do("hset", prefix+"meta", "relayed", 11) }, nil},
	{"epoch_above_mysql", func(s *stage) { s.do("hset", prefix+"meta", "epoch", 77) }, nil},
	{"log_gap", func(s *stage) { s.do("xdel", prefix+"wal", "8-0") }, nil},
	{"log_gap", func(s *stage) { s.do("xdel", prefix+"wal", "10-0") }, nil},
	{"log_gap", func(s *stage) { s.do("del", prefix+"wal") }, nil},
	{"log_above_lsn", func(s *stage) {
		s.do("xadd", prefix+"wal", "11-0", "u", string(s.encode(&row.Unit{Lane: "main"})))
	}, nil},
	{"log_corrupt", func(s *stage) {
		s.rewriteLog(func(lsn int, u *row.Unit) []byte {
			if lsn != 8 {
				return nil
			}
			b := s.encode(u)
			b[len(b)-1]++
			return b
		})
	}, nil},
	{"log_untrimmed", func(s *stage) {
		first := true
		s.rewriteLog(func(_ int, u *row.Unit) []byte {
			if first {
				first = false
				s.do("xadd", prefix+"wal", "5-0", "u", string(s.encode(u)))
			}
			return nil
		})
	}, nil},
	{"log_unsettled", func(s *stage) {
		s.mysql("UPDATE shock_absorber.checkpoint SET lsn = 7")
		s.do("set", prefix+"owner", "somebody", "px", 60000)
	}, []string{"UPDATE shock_absorber.checkpoint SET lsn = 5"}},
	{"queue_gap", func(s *stage) {
		s.do("xadd", prefix+"wal", "11-0", "u", string(s.encode(&row.Unit{Lane: "main", AcceptedMs: time.Now().UnixMilli()})))
		s.do("hset", prefix+"meta", "lsn", 11, "relayed", 11)
	}, nil},
	{"queue_differs", func(s *stage) {
		s.rewriteLog(func(lsn int, u *row.Unit) []byte {
			if lsn != 9 {
				return nil
			}
			u.ID.Seq++
			return s.encode(u)
		})
	}, nil},
	{"cache_differs", func(s *stage) { s.mysql("UPDATE item SET note = 'around' WHERE id = 2") }, []string{"UPDATE item SET note = '' WHERE id = 2"}},
	{"cache_differs", func(s *stage) { s.mysql("UPDATE item SET note = '' WHERE id = 1") }, []string{"UPDATE item SET note = NULL WHERE id = 1"}},
	{"cache_differs", func(s *stage) { s.mysql("DELETE FROM item WHERE id = 3") }, []string{"INSERT INTO item VALUES (3, 'c', 103, NULL, 'x')"}},
	{"cache_key", func(s *stage) { s.do("rename", s.rowKey(4), s.rowKey(44)) }, nil},
	{"cache_corrupt", func(s *stage) { s.do("set", s.rowKey(4), "short", "px", 60000) }, nil},
	{"cache_corrupt", func(s *stage) { s.do("append", s.rowKey(4), "x") }, nil},
	{"clean_tombstone", func(s *stage) {
		s.do("set", s.rowKey(44), "\x01\x02"+strings.Repeat("\x00", 12), "px", 60000)
	}, nil},
	{"clean_without_end", func(s *stage) { s.do("persist", s.rowKey(4)) }, nil},
	{"clean_without_end", func(s *stage) { s.do("set", prefix+"owner", "somebody") }, nil},
	{"clean_without_end", func(s *stage) { s.do("set", prefix+"lease:r:x:1:y", "0123456789abcdef") }, nil},
	{"pending_row_missing", func(s *stage) { s.do("del", s.rowKey(11)) }, nil},
	{"pending_row_missing", func(s *stage) { s.do("setrange", s.rowKey(11), 1, "\x00") }, nil},
	{"pending_not_listed", func(s *stage) { s.do("zrem", prefix+"dirty:"+s.table(), key(12)) }, nil},
	{"pending_version", func(s *stage) { s.do("zadd", prefix+"dirty:"+s.table(), 9, key(12)) }, nil},
	{"pending_above_lsn", func(s *stage) { s.do("zadd", prefix+"dirty:"+s.table(), 99, key(12)) }, nil},
	{"pending_unsettled", func(s *stage) { s.do("zadd", prefix+"dirty:"+s.table(), 4, key(12)) }, nil},
	{"pending_unsettled", func(s *stage) {
		s.mysql("UPDATE shock_absorber.checkpoint SET lsn = 7")
		s.do("set", prefix+"owner", "somebody", "px", 60000)
	}, []string{"UPDATE shock_absorber.checkpoint SET lsn = 5"}},
	{"pending_differs", func(s *stage) {
		n := s.rdb.StrLen(context.Background(), s.rowKey(12)).Val()
		s.do("setrange", s.rowKey(12), n-1, "W") // the last byte of note
	}, nil},
	{"pending_differs", func(s *stage) { s.do("setrange", s.rowKey(11), 13, "\x06") }, nil}, // as of unit 6
	{"pending_base", func(s *stage) { s.mysql("UPDATE item SET note = 'around' WHERE id = 11") }, []string{"UPDATE item SET note = 'k' WHERE id = 11"}},
	{"pending_base", func(s *stage) { s.mysql("DELETE FROM item WHERE id = 13") }, []string{"INSERT INTO item VALUES (13, 'm', 13, 1, 'm')"}},
	{"pending_base", func(s *stage) { s.mysql("INSERT INTO item VALUES (14, 'around', 1, 1, '')") }, []string{"DELETE FROM item WHERE id = 14"}},
	{"pending_step", func(s *stage) {
		s.rewriteLog(func(lsn int, u *row.Unit) []byte {
			if lsn != 7 {
				return nil
			}
			u.Mutations[0].Image[4] = []byte("not what 6 left")
			return s.encode(u)
		})
	}, nil},
	{"claim_without_row", func(s *stage) {
		s.do("set", prefix+"uniq:"+s.table()+":"+s.gen()+":by_name:x", string(binary.BigEndian.AppendUint64(nil, 9))+key(4))
	}, nil},
	{"claim_without_row", func(s *stage) {
		s.do("set", prefix+"uniq:"+s.table()+":"+s.gen()+":by_name:x", string(binary.BigEndian.AppendUint64(nil, 3))+key(11))
	}, nil},
	{"gate_overdue", func(s *stage) {
		s.gate("c")
		s.do("hset", prefix+"gate:"+s.table(), "at", 1, "to", 5, "o:dead", "1000:0")
	}, nil},
	{"gate_without_owner", func(s *stage) { s.gate("s") }, nil},
	{"auto_increment_behind", func(s *stage) { s.do("set", prefix+"auto:"+s.table(), s.gen()+":13") }, nil},
	{"dead_letter_corrupt", func(s *stage) {
		s.mysql("INSERT INTO shock_absorber.dead_letters (lane, lsn, tables, cause, unit) VALUES ('main', 3, 'item', 'x', 'rubbish')")
	}, []string{"DELETE FROM shock_absorber.dead_letters"}},
	{"dead_letter_cached", func(s *stage) { // row 3 stands in the cache as of unit 3
		b := s.encode(&row.Unit{Lane: "main", Mutations: []row.Mutation{{Table: s.table(), Key: row.Key(key(3)), Op: row.Delete}}})
		s.mysql("INSERT INTO shock_absorber.dead_letters (lane, lsn, tables, cause, unit) VALUES ('main', 3, 'item', 'x', ?)", b)
	}, []string{"DELETE FROM shock_absorber.dead_letters"}},
	{"queue_above_log", func(s *stage) { s.publish(60) }, nil},
}

// mysql runs a statement around the proxy.
func (s *stage) mysql(query string, args ...any) {
	s.t.Helper()
	if _, err := s.direct.Exec(query, args...); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
}

// gate sets the state of the table's gate.
func (s *stage) gate(to string) {
	s.t.Helper()
	is := s.rdb.Get(context.Background(), prefix+"t:"+s.table()).Val()
	s.do("set", prefix+"t:"+s.table(), is[:len(is)-1]+to)
}

// publish puts a record of this life into Kafka.
func (s *stage) publish(lsn uint64) {
	s.t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(s.broker))
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	life := s.rdb.HGet(context.Background(), prefix+"meta", "incarnation").Val()
	r := &kgo.Record{Topic: s.topic, Key: []byte("main"), Value: []byte("x"), Headers: []kgo.RecordHeader{
		{Key: "lsn", Value: binary.BigEndian.AppendUint64(nil, lsn)}, {Key: "inc", Value: []byte(life)}}}
	if err := c.ProduceSync(s.t.Context(), r).FirstErr(); err != nil {
		s.t.Fatal(err)
	}
}

// TestPlanted: on a system at rest with pending rows nothing is found; each
// disagreement that is planted is found and named.
func TestPlanted(t *testing.T) {
	for name, server := range map[string]func(testing.TB) *servertest.DB{"MariaDB": servertest.MariaDB, "MySQL": servertest.MySQL} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, server(t))
			s.pend()
			r := s.audit()
			if len(r.Findings) > 0 {
				t.Fatalf("a healthy system: %+v", r.Findings)
			}
			for _, what := range []string{"cached rows", "pending rows", "rows with pending units", "units of the log", "records of Kafka", "claims", "counters", "gates"} {
				if r.Looked[what] == 0 {
					t.Errorf("it looked at no %s: %v", what, r.Looked)
				}
			}
			back := s.save()
			for i, p := range plants {
				t.Run(fmt.Sprintf("%d %s", i, p.kind), func(t *testing.T) {
					p.do(s)
					r := s.audit()
					if found := kinds(r); !slices.Contains(found, p.kind) {
						t.Errorf("found %v: %+v", found, r.Findings)
					}
					for _, sql := range p.undo {
						s.mysql(sql)
					}
					back()
				})
			}
			if r := s.audit(); !slices.Equal(kinds(r), []string{"queue_above_log"}) {
				t.Errorf("something is left: %+v", r.Findings)
			}
		})
	}
}

// TestStream: the queue in Redis is compared with the log as Kafka is.
func TestStream(t *testing.T) {
	s := newStageWith(t, servertest.MariaDB(t), `queue_type = "redis"`)
	s.pend()
	r := s.audit()
	if len(r.Findings) > 0 || r.Looked["records of the stream"] != 5 {
		t.Fatalf("a healthy system: %+v, looked at %v", r.Findings, r.Looked)
	}
	const stream = prefix + "queue"
	back := s.save()
	for kind, plant := range map[string]func(){
		"queue_gap": func() { s.do("xdel", stream, "8-0") },
		"queue_differs": func() {
			entries, err := s.rdb.XRange(t.Context(), stream, "-", "+").Result()
			if err != nil {
				t.Fatal(err)
			}
			s.do("del", stream)
			for _, e := range entries {
				data := e.Values["d"].(string)
				if e.ID == "9-0" {
					data += "x"
				}
				s.do("xadd", stream, e.ID, "i", e.Values["i"], "d", data)
			}
		},
		"queue_above_log": func() { s.do("xadd", stream, "60-0", "i", "", "e", "5", "d", "x") },
		"":                func() { s.do("xadd", stream, "60-0", "i", "", "e", "4", "d", "x") }, // it is refused
	} {
		s.do("hset", prefix+"meta", "refused", "10:5")
		plant()
		if got := strings.Join(kinds(s.audit()), " "); got != kind {
			t.Errorf("%q was planted, found %q", kind, got)
		}
		back()
	}
	s.mysql("INSERT INTO shock_absorber.requests (lane, verb, letter, asked_by, argument, state, result, touched) VALUES ('main', 'skip', 0, 'tester', '4', 'done', '', '3-4')")
	r = s.audit()
	if len(r.Findings) > 0 || !slices.ContainsFunc(r.Remarks, func(x string) bool {
		return strings.HasPrefix(x, "lane main: units 3 to 4, which were acknowledged and missing, were given up by tester at ")
	}) {
		t.Errorf("units were given up: %+v, %q", r.Findings, r.Remarks)
	}
}

// TestPlantsAreComplete: each kind that the package comment names is planted.
func TestPlantsAreComplete(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, m := range regexp.MustCompile(`(?m)^//\t((?:[a-z]+_[a-z_]+(?:, )?)+) `).FindAllStringSubmatch(string(doc), -1) {
		named = append(named, strings.Split(m[1], ", ")...)
	}
	if len(named) < 25 {
		t.Fatalf("the package comment names %v", named)
	}
	for _, kind := range named {
		if !slices.ContainsFunc(plants, func(p planted) bool { return p.kind == kind }) {
			t.Errorf("%s is not planted", kind)
		}
	}
	for _, p := range plants {
		if !slices.Contains(named, p.kind) {
			t.Errorf("%s is not in the package comment", p.kind)
		}
	}
}

// TestBesideLoad: beside clients that write, read, delete and close gates, and
// a drainer that keeps up, there is nothing to find.
func TestBesideLoad(t *testing.T) {
	s := newStage(t, servertest.MariaDB(t))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 6 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				name := fmt.Sprintf("w%d-%d", w, i)
				res, err := s.pool.Exec("INSERT INTO item (name, n) VALUES (?, 0)", name)
				if err != nil {
					t.Errorf("insert: %v", err)
					return
				}
				id, _ := res.LastInsertId()
				last := "SELECT 1 FROM item WHERE id = ?"
				switch i % 20 {
				case 0:
					last = "UPDATE item SET n = n + 1 WHERE id + 0 = ?" // behind the gate
				case 1, 2, 3:
					last = "DELETE FROM item WHERE id = ?"
				}
				for _, sql := range []string{"UPDATE item SET n = n + 1, note = 'x' WHERE id = ?", "UPDATE item SET name = CONCAT('r', id) WHERE id = ?", last} {
					if _, err := s.pool.Exec(sql, id); err != nil {
						t.Errorf("%s: %v", sql, err)
						return
					}
				}
			}
		})
	}
	for range 3 {
		r, err := s.auditLive()
		if err != nil {
			t.Errorf("audit: %v", err)
		} else if len(r.Findings) > 0 {
			t.Errorf("beside the load: %+v", r.Findings)
		} else {
			t.Logf("looked at %v", r.Looked)
		}
	}
	close(stop)
	wg.Wait()
}

// auditLive runs the command as its users do.
func (s *stage) auditLive() (*audit.Report, error) {
	out, err := exec.Command(servertest.Program(s.t), "audit", "--config", s.file, "--json", "--rate", "0", "--grace", "12s").Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		err = nil
	}
	if err != nil {
		if exit != nil {
			return nil, fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return nil, err
	}
	var r audit.Report
	return &r, json.Unmarshal(out, &r)
}

// TestExitCodes: 0 if all agree, 1 with a line for each disagreement, 2 if it
// could not look.
func TestExitCodes(t *testing.T) {
	s := newStage(t, servertest.MariaDB(t))
	s.pend()
	run := func(want int, args ...string) string {
		t.Helper()
		cmd := exec.Command(servertest.Program(t), append([]string{"audit", "--grace", "10ms"}, args...)...)
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("exit code %d, want %d:\n%s", got, want, out)
		}
		return string(out)
	}
	if out := run(0, "--config", s.file); !strings.Contains(out, "no disagreements") {
		t.Error(out)
	}
	s.mysql("UPDATE item SET note = 'around' WHERE id = 2")
	if out := run(1, "--config", s.file); !strings.Contains(out, "cache_differs: lane main, table "+s.table()+`, id="2", lsn 2: the cache and MySQL differ in column note`) {
		t.Error(out)
	}
	run(2, "--config", s.file+".missing")
	s.mysql("UPDATE item SET note = '' WHERE id = 2")
	away := strings.Replace(string(must(os.ReadFile(s.file))), "[kvstore]\nendpoints = [\"127.0.0.1:", "[kvstore]\nendpoints = [\"127.0.0.2:", 1)
	if err := os.WriteFile(s.file, []byte(away), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := run(2, "--config", s.file); !strings.Contains(out, "could not look") {
		t.Error(out)
	}
}

// must unwraps a result of a call that does not fail.
func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}
