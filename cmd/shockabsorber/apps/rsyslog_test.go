package apps

import (
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// logLines is how many lines the flood has.
const logLines = 3000

// systemEvents is the table as Debian's rsyslog-mysql makes it.
const systemEvents = "/usr/share/dbconfig-common/data/rsyslog-mysql/install/mysql"

// rsyslogMasks hide what differs between two floods.
var rsyslogMasks = []mask{
	{where: regexp.MustCompile(`ReceivedAt="[^"]*"`), with: `ReceivedAt="(date)"`, reason: "the second in which rsyslogd got the line"},
}

// TestRsyslog floods rsyslogd with lines, which writes them with its own
// module for MySQL: the table is the same in the end.
func TestRsyslog(t *testing.T) {
	db := servertest.MariaDB(t)
	installed(t, systemEvents, "rsyslog-mysql")
	direct, absorbed := db.Database(t), db.Database(t)
	for _, database := range []string{direct, absorbed} {
		makeSystemEvents(t, db, database)
	}
	pool := db.Open(t, "")
	before, began := programWrites(t, pool), time.Now()
	flood(t, db.Host, db.Port, db.Password, direct, pool)
	took := time.Since(began)
	writes := programWrites(t, pool) - before

	p := startProxy(t, db, absorbed)
	_, port, _ := net.SplitHostPort(p.addr)
	number := 0
	if _, err := fmt.Sscan(port, &number); err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	flood(t, "127.0.0.1", number, db.Password, absorbed, p.pool)
	t.Logf("%d lines directly in %v, through the proxy in %v", logLines, took.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	logStatements(t, p.statements(t), writes)
	p.drain(t)
	compare(t, dump(t, pool, direct, rsyslogMasks), dump(t, pool, absorbed, rsyslogMasks))
}

// makeSystemEvents runs rsyslog-mysql's own script.
func makeSystemEvents(t *testing.T, db *servertest.DB, database string) {
	t.Helper()
	script, err := os.ReadFile(systemEvents)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range regexp.MustCompile(`;\s*\n`).Split(string(script), -1) {
		if regexp.MustCompile(`\S`).MatchString(s) {
			db.Exec(t, database, s)
		}
	}
}

// flood starts a rsyslogd, sends it the lines through a socket of its own and
// returns when they are in the table.
func flood(t *testing.T, host string, port int, password, database string, count *sql.DB) {
	t.Helper()
	// The path of a socket must be short.
	dir, err := os.MkdirTemp("", "rs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket, file := filepath.Join(dir, "log"), filepath.Join(dir, "rsyslog.conf")
	text := fmt.Sprintf(`global(workDirectory=%q net.enableDNS="off" localHostname="host")
module(load="imuxsock" SysSock.Use="off")
module(load="ommysql")
input(type="imuxsock" Socket=%q CreatePath="off" IgnoreTimestamp="off" UseSysTimeStamp="off" UsePIDFromSystem="off" RateLimit.Interval="0")
*.* action(type="ommysql" server=%q serverport="%d" db=%q uid=%q pwd=%q
	action.resumeRetryCount="-1" action.resumeInterval="1")
`, dir, socket, host, port, database, servertest.AppUser, password)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	daemon := startProgram(t, exec.Command("/usr/sbin/rsyslogd", "-n", "-f", file, "-i", filepath.Join(dir, "pid")))
	defer daemon.stop()
	var conn net.Conn
	until(t, "rsyslogd's socket", func() (err error) {
		conn, err = net.Dial("unixgram", socket)
		return err
	})
	defer conn.Close()
	day := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	for i := range logLines {
		// Facility, priority, tag and the characters that need quoting vary.
		line := fmt.Sprintf("<%d>%s prog%d[%d]: line %d it's \\ \"quoted\" %c", i%(24*8), day.Add(time.Duration(i)*time.Second).Format(time.Stamp), i%7, 100+i%50, i, 'à'+rune(i%30))
		if _, err := conn.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the lines to be in the table", func() error {
		n := 0
		if err := count.QueryRow("SELECT COUNT(*) FROM " + database + ".SystemEvents").Scan(&n); err != nil || n != logLines {
			return fmt.Errorf("%d lines of %d: %v", n, logLines, err)
		}
		return nil
	})
}
