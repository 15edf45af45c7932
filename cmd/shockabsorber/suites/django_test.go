package suites

import (
	"database/sql"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// TestDjango runs Django's own tests of its models, queries and transactions,
// over PyMySQL: the applications that testdata/django.list names. On MariaDB,
// Django inserts with RETURNING, on MySQL it asks for the insert id.
func TestDjango(t *testing.T) {
	t.Run("MariaDB", func(t *testing.T) { django(t, servertest.MariaDB(t), "django") })
	if whole() {
		t.Run("MySQL", func(t *testing.T) { django(t, servertest.MySQL(t), "django-mysql") })
	}
}

// django runs the tests on one server. name is that of its list.
func django(t *testing.T, db *servertest.DB, name string) {
	t.Helper()
	dir, python := installed(t, "django"), filepath.Join(installed(t, "python"), "bin", "python")
	settings, err := filepath.Abs(filepath.Join("testdata", "django"))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, db, servertest.AppUser, db.Password, func(cfg *config.Config) {
		// The tests make and empty tables all the time, which drains.
		cfg.WriteBack.DrainRate = 1000
	})
	known := readList(t, name)
	labels, least := known.names(listChosen), 20
	if whole() {
		loadTimeZones(t, db)
		labels, least = slices.Sorted(slices.Values(append(labels, known.names(listWhole)...))), 1000
	}
	w.compareParts(t, name, least, slices.Chunk(labels, 8), func(t *testing.T, at target, labels []string) outcomes {
		// The runner makes them itself, and keeps them where it ends in the middle.
		drop := []string{"DROP DATABASE IF EXISTS shock_django", "DROP DATABASE IF EXISTS shock_django_other"}
		mustExec(t, at.open(t), drop...)
		report := filepath.Join(t.TempDir(), "report.json")
		c := exec.Command(python, append([]string{"runtests.py", "--settings=shock_settings", "--parallel=1", "--noinput"}, labels...)...)
		c.Dir = filepath.Join(dir, "tests")
		c.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "PYTHONPATH="+settings+string(os.PathListSeparator)+dir, "SHOCK_REPORT="+report,
			"SHOCK_HOST="+at.host, "SHOCK_PORT="+at.port, "SHOCK_USER="+at.user, "SHOCK_PASSWORD="+at.password)
		out := combinedOutput(t, c, name, at) // failing tests are in the report
		data, err := os.ReadFile(report)
		if err != nil {
			t.Fatalf("Django's tests did not run: %v\n%s", err, out)
		}
		all := outcomes{}
		if err := json.Unmarshal(data, &all); err != nil {
			t.Fatal(err)
		}
		if all.count(failed) > 0 {
			t.Logf("%s", out)
		}
		return all
	})
}

// loadTimeZones fills the server's tables of time zones. MySQL's are those of
// MariaDB.
func loadTimeZones(t *testing.T, db *servertest.DB) {
	t.Helper()
	script, err := exec.Command("mariadb-tzinfo-to-sql", "/usr/share/zoneinfo").Output()
	if err != nil {
		t.Fatalf("read the time zones: %v", err)
	}
	fill := []string{"SET autocommit = 0"}
	for s := range strings.SplitSeq(string(script), ";\n") {
		for _, begins := range []string{"TRUNCATE ", "INSERT ", "SET @time_zone_id"} { // the others are MariaDB's only
			if strings.HasPrefix(s, begins) {
				fill = append(fill, s)
			}
		}
	}
	cfg, err := mysql.ParseDSN(db.DSN("mysql"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.MultiStatements = true
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	pool := sql.OpenDB(connector)
	defer pool.Close()
	if _, err := pool.Exec(strings.Join(append(fill, "COMMIT"), ";")); err != nil {
		t.Fatalf("load the time zones: %v", err)
	}
	var n int
	if err := pool.QueryRow("SELECT COUNT(*) FROM time_zone_name").Scan(&n); err != nil || n < 400 {
		t.Fatalf("%d time zones, %v", n, err)
	}
}
