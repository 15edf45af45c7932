package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// noEnv is an environment without variables.
func noEnv(string) (string, bool) { return "", false }

// user is the least a valid file needs.
const user = "[[users]]\nname = \"app\"\npassword = \"pw\"\n"

// Each case is a file with one mistake (after two lines of user, so that
// lines are not 1 by accident), the place the error must name and a part of
// what it must say.
func TestParseRefuses(t *testing.T) {
	cases := []struct{ name, file, place, says string }{
		{"unknown key", user + "[proxy]\nlisten_addres = \"x\"\n", "f.toml:5: proxy.listen_addres", "no such key"},
		{"unknown table", user + "[prxy]\nlisten = \"x\"\n", "f.toml:4: prxy", "no such key"},
		{"unknown key in a user", user + "color = \"red\"\n", "f.toml:4: users.color", "no such key"},
		{"unknown key in a table", user + "[tables.\"a.b\"]\ntll = \"1h\"\n", "f.toml:5: tables.\"a.b\".tll", "no such key"},
		{"text for a number", user + "[database]\nport = \"3306\"\n", "f.toml:5: database.port", "string"},
		{"number for a text", user + "[proxy]\nlisten = 3307\n", "f.toml:5: proxy.listen", "integer"},
		{"text for a list", user + "[kvstore]\nendpoints = \"x:1\"\n", "f.toml:5: kvstore.endpoints", "string"},
		{"duration without a unit", user + "[writeback]\ndefault_ttl = \"60\"\n", "f.toml:5: writeback.default_ttl", "not a duration"},
		{"duration as a number", user + "[writeback]\ndefault_ttl = 60\n", "f.toml:5: writeback.default_ttl", "not a duration"},
		{"not TOML", user + "[proxy\n", "f.toml:4", ""},
		{"key twice", user + "[proxy]\nlisten = \"a:1\"\nlisten = \"b:1\"\n", "f.toml", "listen"},
		{"negative duration", user + "[writeback]\ndefault_ttl = \"-1s\"\n", "f.toml:5: writeback.default_ttl", "less than"},
		{"negative number", user + "[writeback]\nmax_backlog = -1\n", "f.toml:5: writeback.max_backlog", "less than"},
		{"no port", user + "[proxy]\nlisten = \"localhost\"\n", "f.toml:5: proxy.listen", "host:port"},
		{"no listener", user + "[proxy]\nlisten = \"\"\n", "f.toml:5: proxy.listen", "neither"},
		{"port too high", user + "[database]\nport = 65536\n", "f.toml:5: database.port", "not a port"},
		{"word", user + "[proxy]\nmode = \"absorbed\"\n", "f.toml:5: proxy.mode", "none of"},
		{"shadow", user + "[proxy]\nmode = \"shadow\"\n", "f.toml:5: proxy.mode", "this version cannot"},
		{"durability kafka without Kafka", user + "[writeback]\ndurability = \"kafka\"\n", "f.toml:5: writeback.durability", "queue_type"},
		{"a table's durability without Kafka", user + "[tables.\"a.b\"]\ndurability = \"kafka\"\n", "f.toml:5: tables.\"a.b\".durability", "queue_type"},
		{"replicas of a cluster", user + "[kvstore]\ncluster = true\n[writeback]\ndurability = \"replica\"\n", "f.toml:7: writeback.durability", "cluster"},
		{"a table's replicas of a cluster", user + "[kvstore]\ncluster = true\n[tables.\"a.b\"]\ndurability = \"replica\"\n", "f.toml:7: tables.\"a.b\".durability", "cluster"},
		{"a table's durability", user + "[tables.\"a.b\"]\ndurability = \"disk\"\n", "f.toml:5: tables.\"a.b\".durability", "none of"},
		{"no replicas", user + "[writeback]\nreplicas = 0\n", "f.toml:5: writeback.replicas", "less than 1"},
		{"negative bytes", user + "[writeback]\nmax_backlog_bytes = -1\n", "f.toml:5: writeback.max_backlog_bytes", "less than"},
		{"negative age", user + "[writeback]\nmax_backlog_age = \"-1s\"\n", "f.toml:5: writeback.max_backlog_age", "less than"},
		{"watermark above all", user + "[writeback]\nmemory_watermark = 1.0\n", "f.toml:5: writeback.memory_watermark", "below 1"},
		{"watermark is no number", user + "[writeback]\nmemory_watermark = nan\n", "f.toml:5: writeback.memory_watermark", "below 1"},
		{"adaptive rate", user + "[writeback]\ndrain_rate_min = 5\n", "f.toml:5: writeback.drain_rate_min", "this version cannot"},
		{"filter", user + "[tables.\"a.b\"]\nexistence = \"filter\"\n", "f.toml:5: tables.\"a.b\".existence", "this version cannot"},
		{"lanes", user + "[tables.\"a.b\"]\nlanes = 4\n", "f.toml:5: tables.\"a.b\".lanes", "this version cannot"},
		{"namespace", user + "[tables.\"a.b\"]\nnamespace = \"x\"\n", "f.toml:5: tables.\"a.b\".namespace", "this version cannot"},
		{"rate zero", user + "[writeback]\ndrain_rate = 0\n", "f.toml:5: writeback.drain_rate", "not above 0"},
		{"rate below zero", user + "[writeback]\ndrain_rate = -2.5\n", "f.toml:5: writeback.drain_rate", "not above 0"},
		{"rate is no number", user + "[writeback]\ndrain_rate = nan\n", "f.toml:5: writeback.drain_rate", "not a finite"},
		{"rate without end", user + "[writeback]\ndrain_rate = inf\n", "f.toml:5: writeback.drain_rate", "not a finite"},
		{"acks", user + "[writeback.kafka]\nrequired_acks = 1\n", "f.toml:5: writeback.kafka.required_acks", "only -1"},
		{"kafka without brokers", user + "[writeback]\nqueue_type = \"kafka\"\n", "f.toml:4: writeback.kafka.brokers", "at least one"},
		{"sasl without a login", user + "[writeback.kafka.sasl]\nmechanism = \"plain\"\n", "f.toml:5: writeback.kafka.sasl.mechanism", "username"},
		{"open admin", user + "[admin]\nlisten = \"0.0.0.0:8080\"\n", "f.toml:5: admin.listen", "token"},
		{"open admin on all", user + "[admin]\nlisten = \":8080\"\n", "f.toml:5: admin.listen", "token"},
		{"two endpoints", user + "[kvstore]\nendpoints = [\"a:1\", \"b:1\"]\n", "f.toml:5: kvstore.endpoints", "cluster"},
		{"cluster and sentinel", user + "[kvstore]\ncluster = true\nsentinel_master = \"m\"\n", "f.toml:6: kvstore.sentinel_master", "together"},
		{"cluster with db", user + "[kvstore]\ncluster = true\ndb = 3\n", "f.toml:6: kvstore.db", "only db 0"},
		{"half a certificate", user + "[proxy.tls]\ncert = \"x\"\n", "f.toml:4: proxy.tls", "both or none"},
		{"required TLS without one", user + "[proxy.tls]\nrequired = true\n", "f.toml:4: proxy.tls", "certificate"},
		{"TLS settings without TLS", user + "[database.tls]\nskip_verify = true\n", "f.toml:4: database.tls", "do nothing"},
		{"no users", "[proxy]\n", "f.toml: users", "[[users]]"},
		{"user twice", user + user, "f.toml:5: users[1].name", "twice"},
		{"nameless user", "[[users]]\npassword = \"x\"\n", "f.toml:1: users[0].name", "anonymous"},
		{"backend password alone", user + "backend_password = \"x\"\n", "f.toml:4: users[0].backend_password", "backend_user"},
		{"password twice", user + "password_env = \"X\"\n", "f.toml:3: users[0].password", "more than once"},
		{"variable not set", "[[users]]\nname = \"a\"\npassword_env = \"NOPE\"\n", "f.toml:3: users[0].password_env", "NOPE is not set"},
		{"no such file", "[[users]]\nname = \"a\"\npassword_file = \"/nonexistent/x\"\n", "f.toml:3: users[0].password_file", "no such file"},
		{"table without database", user + "[tables.payments]\n", "f.toml:4: tables.payments", "database.table"},
		{"bad glob", user + "[tables.\"a.[\"]\n", "f.toml:4: tables.\"a.[\"", "glob"},
		{"bad lane", user + "[tables.\"a.b\"]\nlane = \"Main}\"\n", "f.toml:5: tables.\"a.b\".lane", "lane's name"},
		{"in an inline table", user + "[tables]\n\"a.b\" = { ttl = \"-1s\" }\n", "f.toml:5: tables.\"a.b\".ttl", "less than"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("f.toml", []byte(c.file), noEnv)
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.HasPrefix(err.Error(), c.place) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error is\n  %v\nwant it to begin with %q and to say %q", err, c.place, c.says)
			}
			var ce *Error
			if !errors.As(err, &ce) {
				t.Errorf("error is a %T, want *Error inside", err)
			}
		})
	}
}

func TestParseAccepts(t *testing.T) {
	for name, file := range map[string]string{
		"open admin with token": user + "[admin]\nlisten = \"0.0.0.0:8080\"\ntoken = \"t\"\n",
		"no admin":              user + "[admin]\nlisten = \"\"\n",
		"admin on ::1":          user + "[admin]\nlisten = \"[::1]:8080\"\n",
		"socket only":           user + "[proxy]\nlisten = \"\"\nsocket = \"/tmp/s\"\n",
		"database socket":       user + "[database]\nsocket = \"/run/s\"\nhost = \"\"\nport = 0\n",
		"kafka":                 user + "[writeback]\nqueue_type = \"kafka\"\n[writeback.kafka]\nbrokers = [\"k:9092\"]\n",
		"durability kafka":      user + "[writeback]\nqueue_type = \"kafka\"\ndurability = \"kafka\"\n[writeback.kafka]\nbrokers = [\"k:9092\"]\n",
		"durability replica":    user + "[writeback]\ndurability = \"replica\"\nreplicas = 2\n[tables.\"a.b\"]\ndurability = \"redis\"\n",
		"limits":                user + "[writeback]\nmax_backlog_bytes = 1000\nmax_backlog_age = \"1h\"\nmemory_watermark = 0.8\n",
		"a fraction as rate":    user + "[writeback]\ndrain_rate = 0.5\n",
		"sentinels":             user + "[kvstore]\nendpoints = [\"a:1\", \"b:1\"]\nsentinel_master = \"m\"\n",
		"port chosen later":     user + "[proxy]\nlisten = \"127.0.0.1:0\"\n",
	} {
		if _, err := Parse("f.toml", []byte(file), noEnv); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseReportsEverything(t *testing.T) {
	_, err := Parse("f.toml", []byte("[proxy]\nmode = \"x\"\n[writeback]\ndrain_rate = 0\n"), noEnv)
	for _, part := range []string{"proxy.mode", "users", "writeback.drain_rate"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error does not mention %s: %v", part, err)
		}
	}
}

func TestValidate(t *testing.T) {
	c := Default()
	if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), "users: no user") {
		t.Errorf("defaults alone: %v", err)
	}
	c.Users = []User{{Name: "app"}}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

func TestLoadSecrets(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "pw")
	if err := os.WriteFile(secret, []byte("from file \r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "f.toml")
	content := "[[users]]\nname = \"a\"\npassword_file = '" + secret + "'\n[database]\npassword_env = \"SHOCK_ABSORBER_TEST_PW\"\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SHOCK_ABSORBER_TEST_PW", "from env")
	cfg, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.Users[0].Password.Reveal(); got != "from file " {
		t.Errorf("password from the file = %q", got)
	}
	if got := cfg.Database.Password.Reveal(); got != "from env" {
		t.Errorf("password from the environment = %q", got)
	}
	if _, err := Load(filepath.Join(dir, "none.toml")); err == nil {
		t.Error("a file that is not there was loaded")
	}
}

// A wrong file must not echo a secret that stands in it.
func TestErrorsHideSecrets(t *testing.T) {
	file := "[[users]]\nname = \"app\"\npassword = \"hushhush\"\npassword_env = \"X\"\nbackend_password = \"tellnobody\"\n"
	_, err := Parse("f.toml", []byte(file), noEnv)
	if err == nil || strings.Contains(err.Error(), "hushhush") || strings.Contains(err.Error(), "tellnobody") {
		t.Errorf("err = %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(user))
	f.Add([]byte("[[users]]\nname = {a = {b = 1}}\n[[users]]\n[tables.\"a.b\"]\nx.y.z = 1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := Parse("f.toml", data, noEnv)
		if (cfg == nil) == (err == nil) {
			t.Fatalf("config %v and error %v", cfg, err)
		}
	})
}
