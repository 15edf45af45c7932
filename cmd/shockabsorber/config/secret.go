package config

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

// Secret is a password or token. Whatever prints it, prints "***": fmt with
// any verb, slog, and encoders of text. Only Reveal gives the value.
//
// The value is behind a pointer because fmt cannot call methods on unexported
// fields of a struct it prints: there it shows an address, not the secret.
type Secret struct{ value *string }

// hidden is what stands in for a secret wherever one is printed.
const hidden = "***"

// NewSecret wraps s.
func NewSecret(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{value: &s}
}

// Reveal returns the value itself; "" if there is none.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// Empty reports whether no value is set.
func (s Secret) Empty() bool { return s.value == nil }

// String hides the value.
func (s Secret) String() string {
	if s.Empty() {
		return ""
	}
	return hidden
}

// Format hides the value from every verb, %d and %x included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue hides the value from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the value from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the value from the file.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}

// secretKey is one secret of the configuration and the two keys that may give
// it instead: the name of an environment variable, or of a file.
type secretKey struct {
	key       string // "database.password"
	value     *Secret
	env, file string
}

// secretKeys lists every secret of c.
func (c *Config) secretKeys() []secretKey {
	keys := []secretKey{
		{"database.password", &c.Database.Password, c.Database.PasswordEnv, c.Database.PasswordFile},
		{"kvstore.password", &c.KVStore.Password, c.KVStore.PasswordEnv, c.KVStore.PasswordFile},
		{"writeback.kafka.sasl.password", &c.WriteBack.Kafka.SASL.Password, c.WriteBack.Kafka.SASL.PasswordEnv, c.WriteBack.Kafka.SASL.PasswordFile},
		{"admin.token", &c.Admin.Token, c.Admin.TokenEnv, c.Admin.TokenFile},
	}
	for i := range c.Users {
		u := &c.Users[i]
		at := fmt.Sprintf("users[%d].", i)
		keys = append(keys,
			secretKey{at + "password", &u.Password, u.PasswordEnv, u.PasswordFile},
			secretKey{at + "backend_password", &u.BackendPassword, u.BackendPasswordEnv, u.BackendPasswordFile})
	}
	return keys
}

// resolveSecrets fills the secrets that stand in environment variables and
// files. A variable that is not set, and a file that cannot be read, are
// errors: an empty password by accident would be worse. One line end at the
// end of a file is not part of the secret.
func (c *Config) resolveSecrets(lookup func(string) (string, bool), report func(key, format string, args ...any)) {
	for _, k := range c.secretKeys() {
		given := 0
		for _, set := range []bool{!k.value.Empty(), k.env != "", k.file != ""} {
			if set {
				given++
			}
		}
		if given > 1 {
			report(k.key, "is given more than once: keep one of %s, %s_env and %s_file", last(k.key), last(k.key), last(k.key))
			continue
		}
		switch {
		case k.env != "":
			v, ok := lookup(k.env)
			if !ok {
				report(k.key+"_env", "the environment variable %s is not set", k.env)
			}
			*k.value = NewSecret(v)
		case k.file != "":
			b, err := os.ReadFile(k.file)
			if err != nil {
				report(k.key+"_file", "%v", err)
			}
			*k.value = NewSecret(strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"))
		}
	}
}

// last is the part of a dotted key behind the last dot.
func last(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }
