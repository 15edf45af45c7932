package suites

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// TestDjango runs Django's own tests of its models, queries and transactions,
// over PyMySQL: the applications that testdata/django.list names.
func TestDjango(t *testing.T) {
	db := servertest.MariaDB(t)
	dir, python := installed(t, "django"), filepath.Join(installed(t, "python"), "bin", "python")
	settings, err := filepath.Abs(filepath.Join("testdata", "django"))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, db, servertest.AppUser, db.Password, func(cfg *config.Config) {
		// The tests make and empty tables all the time, which drains.
		cfg.WriteBack.DrainRate = 1000
	})
	known := readList(t, "django")
	labels, least := known.names(listChosen), 20
	if whole() {
		labels, least = slices.Sorted(slices.Values(append(labels, known.names(listWhole)...))), 1000
	}
	w.compare(t, suite{name: "django", least: least, run: func(t *testing.T, at target, _ []string) outcomes {
		// The runner makes them itself, and keeps them where it ends in the middle.
		drop := []string{"DROP DATABASE IF EXISTS shock_django", "DROP DATABASE IF EXISTS shock_django_other"}
		mustExec(t, at.open(t), drop...)
		report := filepath.Join(t.TempDir(), "report.json")
		c := exec.Command(python, append([]string{"runtests.py", "--settings=shock_settings", "--parallel=1", "--noinput"}, labels...)...)
		c.Dir = filepath.Join(dir, "tests")
		c.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "PYTHONPATH="+settings+string(os.PathListSeparator)+dir, "SHOCK_REPORT="+report,
			"SHOCK_HOST="+at.host, "SHOCK_PORT="+at.port, "SHOCK_USER="+at.user, "SHOCK_PASSWORD="+at.password)
		out, _ := c.CombinedOutput() // failing tests are in the report
		keep(t, "django", at, out)
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
	}})
}
