package config

import (
	"bytes"
	"errors"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// example matches a line of config.toml that is an example to be uncommented.
var example = regexp.MustCompile(`(?m)^#([^ #\n])`)

// readExampleFile returns config.toml as it stands, and with its examples
// uncommented.
func readExampleFile(t *testing.T) (plain, full []byte) {
	t.Helper()
	plain, err := os.ReadFile("../../../config.toml")
	if err != nil {
		t.Fatal(err)
	}
	return plain, example.ReplaceAll(plain, []byte("$1"))
}

func TestFileEqualsDefaults(t *testing.T) {
	plain, _ := readExampleFile(t)
	got, err := decode("config.toml", plain)
	if err != nil {
		t.Fatal(err)
	}
	if want := Default(); !reflect.DeepEqual(got, want) {
		t.Errorf("config.toml does not equal Default():\n got %+v\nwant %+v", got, want)
	}
}

func TestFileWithExamplesIsValid(t *testing.T) {
	_, full := readExampleFile(t)
	env := map[string]string{"APP_PASSWORD": "pw"}
	cfg, err := Parse("config.toml", full, func(k string) (string, bool) { v, ok := env[k]; return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Users) != 1 || cfg.Users[0].Password.Reveal() != "pw" {
		t.Errorf("users = %+v", cfg.Users)
	}
	if tbl, ok := cfg.TableFor("mydb", "payments"); !ok || tbl.DrainRate != 25 {
		t.Errorf("table = %+v, %v", tbl, ok)
	}
}

// The configuration of docker-compose.yml is valid with the variables that
// .env.example lists.
func TestComposeFile(t *testing.T) {
	example, err := os.ReadFile("../../../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^(\w+)=(.+)$`).FindAllStringSubmatch(string(example), -1) {
		env[m[1]] = m[2]
	}
	data, err := os.ReadFile("../../../compose.toml")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := Parse("compose.toml", data, func(k string) (string, bool) { v, ok := env[k]; return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Users[0].Password.Empty() || cfg.Admin.Token.Empty() || cfg.WriteBack.QueueType != QueueKafka {
		t.Errorf("compose.toml = %+v", cfg)
	}
}

// Every key of the structs stands in the file, with a comment above it or
// above the keys it belongs to.
func TestFileNamesEveryKey(t *testing.T) {
	_, full := readExampleFile(t)
	lines := keyLines(full)
	want := structKeys("", reflect.TypeFor[Config]())
	for _, key := range want {
		if _, ok := lines[key]; !ok {
			t.Errorf("%s is not in config.toml", key)
		}
	}
	if len(want) < 80 {
		t.Errorf("found only %d keys in the structs: the walk is broken", len(want))
	}
	if n := bytes.Count(full, []byte("\n# ")); n < 60 {
		t.Errorf("config.toml has only %d comment lines", n)
	}
}

// Every duration is validated: none takes text that is no duration.
func TestDurationsAreValidated(t *testing.T) {
	_, full := readExampleFile(t)
	dur := regexp.MustCompile(`(?m)^(\w+ = )"\d+(ms|s|m|h)"`)
	found := dur.FindAllIndex(full, -1)
	for _, at := range found {
		line := bytes.Count(full[:at[0]], []byte("\n")) + 1
		mended := dur.ReplaceAll(full[at[0]:at[1]], []byte("${1}12"))
		broken := append(append(append([]byte{}, full[:at[0]]...), mended...), full[at[1]:]...)
		_, err := Parse("f.toml", broken, func(string) (string, bool) { return "pw", true })
		var ce *Error
		if !errors.As(err, &ce) || ce.Line != line || !strings.Contains(ce.Reason, "12 is not a duration") {
			t.Errorf("line %d, %s: error is %v", line, mended, err)
		}
	}
	if len(found) != 6 {
		t.Errorf("%d durations in config.toml, want 6", len(found))
	}
}

// structKeys lists the leaf keys of a configuration struct.
func structKeys(prefix string, typ reflect.Type) []string {
	var keys []string
	for i := range typ.NumField() {
		f := typ.Field(i)
		key := prefix + f.Tag.Get("toml")
		switch {
		case f.Type == reflect.TypeFor[[]User]():
			keys = append(keys, structKeys(key+"[0].", reflect.TypeFor[User]())...)
		case f.Type == reflect.TypeFor[map[string]Table]():
			keys = append(keys, structKeys(key+`."mydb.payments".`, reflect.TypeFor[Table]())...)
		case f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[Secret]() && f.Type != reflect.TypeFor[Duration]():
			keys = append(keys, structKeys(key+".", f.Type)...)
		default:
			keys = append(keys, key)
		}
	}
	return keys
}

func TestSettingsHideSecrets(t *testing.T) {
	cfg, err := Parse("f.toml", []byte("[admin]\ntoken = \"tellnobody\"\n[[users]]\nname = \"app\"\npassword = \"hushhush\"\n[tables.\"a.b\"]\nttl = \"2h\"\n"), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, s := range cfg.Settings() {
		seen[s.Key] = s.Value
		if strings.Contains(s.Value, "tellnobody") || strings.Contains(s.Value, "hushhush") {
			t.Errorf("%s shows its secret", s.Key)
		}
	}
	for key, want := range map[string]string{
		"admin.token": "***", "users[0].password": "***", "users[0].name": "app", "database.password": "",
		`tables."a.b".ttl`: "2h0m0s", "kvstore.endpoints": "[127.0.0.1:6379]", "writeback.drain_rate": "50",
	} {
		if got, ok := seen[key]; !ok || got != want {
			t.Errorf("setting %s = %q (there: %v), want %q", key, got, ok, want)
		}
	}
}
