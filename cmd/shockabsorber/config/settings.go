package config

import (
	"fmt"
	"reflect"
)

// Setting is one key and its value as text, for status and the log.
type Setting struct{ Key, Value string }

// Settings lists every key with its value, in the order of the file; secrets
// print as "***".
func (c *Config) Settings() []Setting {
	return flatten(nil, "", reflect.ValueOf(*c))
}

// flatten appends the leaves below v.
func flatten(out []Setting, prefix string, v reflect.Value) []Setting {
	switch {
	case v.Type() == reflect.TypeFor[Secret](), v.Type() == reflect.TypeFor[Duration]():
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			key := v.Type().Field(i).Tag.Get("toml")
			if prefix != "" {
				key = prefix + "." + key
			}
			out = flatten(out, key, v.Field(i))
		}
		return out
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		for i := range v.Len() {
			out = flatten(out, fmt.Sprintf("%s[%d]", prefix, i), v.Index(i))
		}
		return out
	case v.Kind() == reflect.Map:
		tables := v.Interface().(map[string]Table)
		for _, name := range (&Config{Tables: tables}).Patterns() {
			out = flatten(out, joinKey([]string{prefix, name}), reflect.ValueOf(tables[name]))
		}
		return out
	}
	return append(out, Setting{Key: prefix, Value: fmt.Sprint(v.Interface())})
}
