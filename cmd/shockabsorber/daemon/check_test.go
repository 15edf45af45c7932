package daemon

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// readmeGrants are the GRANT statements that the README tells operators to
// give, for the database db and the account user.
func readmeGrants(t *testing.T, db, user string) []string {
	t.Helper()
	readme, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^GRANT .*;`).FindAllString(string(readme), -1)
	if len(found) < 2 {
		t.Fatalf("the README has the GRANTs %q", found)
	}
	var out []string
	for _, g := range found {
		g = strings.TrimSuffix(g, ";")
		g = strings.ReplaceAll(g, "mydb.*", db+".*")
		out = append(out, strings.ReplaceAll(g, "'shock_absorber'@'%'", user))
	}
	return out
}

// With exactly the rights of the README, check finds nothing to complain of.
func TestCheckWithTheRightsOfTheReadme(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *servertest.DB{"mariadb": servertest.MariaDB, "mysql": servertest.MySQL} {
		t.Run(name, func(t *testing.T) {
			server := start(t)
			redis := servertest.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
			db := server.Database(t)
			user := "'sa_" + name + "'@'%'"
			server.Exec(t, db, append([]string{
				"CREATE USER " + user + " IDENTIFIED BY 'narrow'",
				"CREATE TABLE payments (id VARCHAR(64) NOT NULL PRIMARY KEY, amount BIGINT NOT NULL) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
				"CREATE TABLE loose (amount BIGINT NOT NULL)",
				"CREATE VIEW v AS SELECT id FROM payments",
			}, readmeGrants(t, db, user)...)...)

			cfg := config.Default()
			cfg.Users = []config.User{{Name: "app"}}
			cfg.Database.Host, cfg.Database.Port = server.Host, server.Port
			cfg.Database.Username, cfg.Database.Password = "sa_"+name, config.NewSecret("narrow")
			cfg.KVStore.Endpoints = []string{redis.Addr}
			cfg.Tables = map[string]config.Table{db + ".payments": {}, db + ".loose": {}, db + ".none": {}}
			var out strings.Builder
			err := Check(t.Context(), cfg, &out)
			got := regexp.MustCompile(` {2,}`).ReplaceAllString(out.String(), "  ")
			if err != nil {
				t.Fatalf("%v\n%s", err, got)
			}
			for _, want := range []string{"MySQL  ok", ":" + strconv.Itoa(server.Port) + " as sa_" + name, "Redis  ok",
				db + ".payments  absorbed", db + ".loose  passed on", "no_primary_key", db + ".none  warning  names no table"} {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in\n%s", want, got)
				}
			}
			if strings.Contains(got, "Redis  warning") || strings.Contains(got, "schema  warning") || strings.Contains(got, "narrow") {
				t.Errorf("unexpected:\n%s", got)
			}

			cfg.Database.Password = config.NewSecret("wrong")
			cfg.KVStore.Endpoints = []string{"127.0.0.1:1"}
			out.Reset()
			err = Check(t.Context(), cfg, &out)
			if err == nil || !strings.Contains(err.Error(), "Access denied") || !strings.Contains(err.Error(), "127.0.0.1:1") {
				t.Errorf("wrong password and no Redis: %v", err)
			}
		})
	}
}
