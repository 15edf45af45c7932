package config

import (
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// lineMap says in which line of the file a dotted key stands. Elements of
// [[users]] count from 0: "users[0].name".
type lineMap map[string]int

// of finds the line of key, or of the nearest table around it; 0 if there is
// none, because the value is a default.
func (m lineMap) of(key string) int {
	for key != "" {
		if n, ok := m[key]; ok {
			return n
		}
		cut := strings.LastIndexAny(key, ".[")
		if cut < 0 {
			return 0
		}
		key = key[:cut]
	}
	return 0
}

// at finds the key that stands in a line; "" if none does.
func (m lineMap) at(line int) string {
	found := ""
	for key, n := range m {
		if n == line && len(key) > len(found) {
			found = key
		}
	}
	return found
}

// keyLines maps the keys of a TOML document to lines. It reads what it can of
// a broken one.
func keyLines(data []byte) lineMap {
	m := lineMap{}
	var p unstable.Parser
	p.Reset(data)
	table := ""
	elements := map[string]int{}
	for p.NextExpression() {
		e := p.Expression()
		key, line := dotted(&p, e)
		switch e.Kind {
		case unstable.Table:
			table = key
			m[key] = line
		case unstable.ArrayTable:
			table = fmt.Sprintf("%s[%d]", key, elements[key])
			elements[key]++
			m[table] = line
			if _, ok := m[key]; !ok {
				m[key] = line
			}
		case unstable.KeyValue:
			if table != "" {
				key = table + "." + key
			}
			m[key] = line
			inline(&p, m, key, e.Value(), line)
		}
	}
	return m
}

// inline adds the keys of an inline table, which stand in the line of its key
// or below it.
func inline(p *unstable.Parser, m lineMap, prefix string, value *unstable.Node, line int) {
	if value == nil || value.Kind != unstable.InlineTable {
		return
	}
	it := value.Children()
	for it.Next() {
		kv := it.Node()
		key, at := dotted(p, kv)
		if at == 0 {
			at = line
		}
		m[prefix+"."+key] = at
		inline(p, m, prefix+"."+key, kv.Value(), at)
	}
}

// dotted joins an expression's key parts and finds its line.
func dotted(p *unstable.Parser, e *unstable.Node) (key string, line int) {
	var parts []string
	it := e.Key()
	for it.Next() {
		n := it.Node()
		parts = append(parts, string(n.Data))
		if line == 0 && n.Raw.Length > 0 {
			line = p.Shape(n.Raw).Start.Line
		}
	}
	return joinKey(parts), line
}

// joinKey prints a key as TOML spells it: parts with a dot are quoted.
func joinKey(parts []string) string {
	quoted := make([]string, len(parts))
	for i, p := range parts {
		quoted[i] = p
		if strings.ContainsAny(p, ".* ") {
			quoted[i] = `"` + p + `"`
		}
	}
	return strings.Join(quoted, ".")
}
