package schema

import "strings"

// newColumn builds a column from a row of information_schema.COLUMNS and the
// server's dialect.
func newColumn(d Dialect, r rawColumn) Column {
	extra := strings.ToLower(r.extra)
	c := Column{
		Name:          r.name,
		ColumnType:    r.columnType,
		NotNull:       r.nullable == "NO",
		Charset:       utf8mb3(r.charset),
		Collation:     utf8mb3(r.collation),
		AutoIncrement: strings.Contains(extra, "auto_increment"),
		OnUpdateNow:   strings.Contains(extra, "on update current_timestamp"),
		Invisible:     strings.Contains(extra, "invisible"),
		Generated: strings.Contains(extra, "virtual generated") || strings.Contains(extra, "stored generated") ||
			strings.Contains(extra, "persistent") || len(r.generation) > 0,
		generation: r.generation,
	}
	c.Virtual = c.Generated && !strings.Contains(extra, "stored generated") && !strings.Contains(extra, "persistent")
	parseColumnType(r.columnType, &c)
	if d == MariaDB && r.json && c.Type == Text && strings.HasPrefix(r.columnType, "longtext") && c.Charset == "utf8mb4" {
		c.Type = JSON
	}
	setDefault(d, &c, r.def, r.extra)
	return c
}

// utf8mb3 gives character sets and collations one name: older servers call
// utf8mb3 "utf8".
func utf8mb3(name string) string {
	if name == "utf8" {
		return "utf8mb3"
	}
	if rest, ok := strings.CutPrefix(name, "utf8_"); ok {
		return "utf8mb3_" + rest
	}
	return name
}
