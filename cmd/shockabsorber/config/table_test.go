package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTableFor(t *testing.T) {
	c := Default()
	c.Tables = map[string]Table{
		"*.*":           {Existence: ExistenceTrust, Durability: DurabilityRedis},
		"mydb.*":        {Lane: "slow"},
		"mydb.pay*":     {DrainRate: 5},
		"mydb.payments": {TTL: Duration{Duration: 2 * time.Hour}, WriteBackBatchSize: 7, FreshReads: FreshStale},
	}
	for name, want := range map[string]Table{
		"mydb.payments": {TTL: Duration{Duration: 2 * time.Hour}, WriteBackBatchSize: 7, Lane: "main", Lanes: 1, FreshReads: "stale", Existence: "check", Durability: "redis"},
		"mydb.payouts":  {TTL: Duration{Duration: time.Hour}, WriteBackBatchSize: 100, DrainRate: 5, Lane: "main", Lanes: 1, FreshReads: "drain", Existence: "check", Durability: "redis"},
		"mydb.users":    {TTL: Duration{Duration: time.Hour}, WriteBackBatchSize: 100, Lane: "slow", Lanes: 1, FreshReads: "drain", Existence: "check", Durability: "redis"},
		"other.users":   {TTL: Duration{Duration: time.Hour}, WriteBackBatchSize: 100, Lane: "main", Lanes: 1, FreshReads: "drain", Existence: "trust", Durability: "redis"},
	} {
		db, table, _ := strings.Cut(name, ".")
		if got, ok := c.TableFor(db, table); !ok || got != want {
			t.Errorf("%s: got %+v, %v\nwant %+v", name, got, ok, want)
		}
	}
	if got := c.Lanes(); !slices.Equal(got, []string{"main", "slow"}) {
		t.Errorf("lanes = %v", got)
	}
	delete(c.Tables, "*.*")
	if got, ok := c.TableFor("other", "users"); ok {
		t.Errorf("a table nobody named has settings %+v", got)
	}
}

func TestSecretNeverPrints(t *testing.T) {
	const word = "tellnobody"
	type outer struct {
		Shown  Secret
		buried Secret
	}
	o := outer{NewSecret(word), NewSecret(word)}
	if o.buried.Reveal() != word {
		t.Fatal("Reveal does not give the value")
	}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n", o)
		fmt.Fprintf(&out, verb+"\n", o.Shown)
		fmt.Fprintf(&out, verb+"\n", &o.Shown)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "secret", o.Shown, "outer", o)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "secret", o.Shown, "outer", o)
	if err := json.NewEncoder(&out).Encode(o); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Contains(got, word) || strings.Contains(got, fmt.Sprintf("%x", word)) {
		t.Errorf("the secret was printed:\n%s", got)
	}
	if !strings.Contains(out.String(), "***") {
		t.Error("a set secret does not print as ***")
	}
}
