package e2e

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// spikeCase is a spike that is sent faster than it may drain.
type spikeCase struct {
	name     string
	rate     int // rows per second into the proxy
	duration time.Duration
	drain    int // drain_rate
	soak     bool
}

// rows is how many rows the spike has.
func (c spikeCase) rows() int { return c.rate * int(c.duration/time.Second) }

// burst is what drain_burst 0 means.
func (c spikeCase) burst() int { return max(1, c.drain/10) }

// TestLoadSpike sends a spike with the program's own load command, through
// the real program with real MariaDB, Redis and Kafka. Every row is accepted,
// read back, and in MySQL in the end, once and unchanged; and in no second do
// more rows reach MySQL than the rate and one burst.
func TestLoadSpike(t *testing.T) {
	for _, c := range []spikeCase{
		{name: "short", rate: 100, duration: 3 * time.Second, drain: 50},
		{name: "acceptance", rate: 200, duration: 10 * time.Second, drain: 50, soak: true},
		{name: "seed", rate: 20, duration: 30 * time.Second, drain: 1, soak: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.soak && os.Getenv("SHOCK_ABSORBER_SOAK") == "" {
				t.Skip("takes minutes: set SHOCK_ABSORBER_SOAK=1")
			}
			c.run(t)
		})
	}
}

// run is one spike.
func (c spikeCase) run(t *testing.T) {
	db := servertest.MariaDB(t)
	database := db.Database(t)
	addr := servertest.FreeAddr(t)
	p := serve(t, c.config(t, db, database, addr), addr)
	direct := db.Open(t, database)
	db.Exec(t, database, payments)

	s := newStopper(t)
	peak := &peakRate{window: time.Second}
	s.loop(func(int) {
		if err := peak.sample(direct); err != nil {
			t.Errorf("count the rows in MySQL: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	})
	cmd := exec.Command(servertest.Program(t), "load", "--dsn", fmt.Sprintf("%s:%s@tcp(%s)/%s", proxyUser, proxyPassword, p.addr, database),
		"--direct-dsn", db.DSN(database), "--rps", strconv.Itoa(c.rate), "--duration", c.duration.String())
	begin := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(begin)
	s.stop()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	for label, want := range map[string]string{
		"accepted":  fmt.Sprintf(`accepted +%d of %d rows`, c.rows(), c.rows()),
		"failed":    `failed +0\n`,
		"read back": fmt.Sprintf(`read back +%d rows, 0 stale, 0 errors`, c.rows()),
		"lost":      `lost +0\n`,
		"wrong":     `wrong +0\n`,
	} {
		if !regexp.MustCompile(want).Match(out) {
			t.Errorf("the report has no line %q: %s", want, label)
		}
	}
	if n := count(t, direct, "SELECT COUNT(*) FROM payments"); n != c.rows() {
		t.Errorf("MySQL has %d rows, want %d", n, c.rows())
	}
	if n := count(t, direct, "SELECT COUNT(DISTINCT n) FROM payments"); n != c.rows() {
		t.Errorf("MySQL has %d different rows, want %d", n, c.rows())
	}
	t.Logf("all in MySQL after %v; at most %d rows seen to arrive within one second, over %d samples", took, peak.most, peak.taken)
	if peak.most > c.drain+c.burst() {
		t.Errorf("%d rows reached MySQL within one second: drain_rate is %d, the burst %d", peak.most, c.drain, c.burst())
	}
}

// payments is the table of the load command, made before the spike so that
// MySQL can be watched from the first row.
const payments = "CREATE TABLE payments (id VARCHAR(64) NOT NULL PRIMARY KEY, n BIGINT NOT NULL, amount DECIMAL(14,2) NOT NULL, " +
	"currency CHAR(3) NOT NULL, status VARCHAR(16) NOT NULL, payer JSON NOT NULL, meta JSON NULL, note VARCHAR(255) NULL, " +
	"created_at DATETIME(6) NOT NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"

// config writes the program's configuration.
func (c spikeCase) config(t *testing.T, db *servertest.DB, database, addr string) string {
	t.Helper()
	text := fmt.Sprintf(`
[proxy]
listen = %q
[[users]]
name = %q
password = %q
admin = true
[database]
host = %q
port = %d
username = "root"
password = %q
[kvstore]
endpoints = [%q]
[writeback]
drain_rate = %d
queue_type = "kafka"
[writeback.kafka]
brokers = [%q]
topic = "load-%d"
[tables.%q]
[admin]
listen = ""
`, addr, proxyUser, proxyPassword, db.Host, db.Port, db.Password, servertest.Redis(t).Addr, c.drain,
		servertest.Kafka(t), time.Now().UnixNano(), database+".payments")
	file := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// peakRate finds the most rows that came within any window. A count is known
// to have been true at some moment while it was asked for. Two counts are
// compared only if the first question and the second answer are less than the
// window apart, so what is found did happen within the window: the figure is
// never too high. It may be too low by what a window of the sampling interval
// and two questions, some 20 ms, can hold.
type peakRate struct {
	window  time.Duration
	samples []rateSample // of the last window
	most    int
	taken   int
}

// rateSample is one count.
type rateSample struct {
	asked time.Time
	rows  int
}

// sample counts the rows once.
func (p *peakRate) sample(db *sql.DB) error {
	s := rateSample{asked: time.Now()}
	if err := db.QueryRow("SELECT COUNT(*) FROM payments").Scan(&s.rows); err != nil {
		return err
	}
	answered := time.Now()
	for len(p.samples) > 0 && answered.Sub(p.samples[0].asked) > p.window {
		p.samples = p.samples[1:]
	}
	p.samples = append(p.samples, s)
	p.most = max(p.most, s.rows-p.samples[0].rows)
	p.taken++
	return nil
}
