package schema

import (
	"strconv"
	"strings"
)

// typeNames maps the first word of COLUMN_TYPE to the storage type.
var typeNames = map[string]Type{
	"tinyint": Tinyint, "smallint": Smallint, "mediumint": Mediumint, "int": Int, "bigint": Bigint,
	"decimal": Decimal, "float": Float, "double": Double, "bit": Bit,
	"year": Year, "date": Date, "datetime": Datetime, "timestamp": Timestamp, "time": Time,
	"char": Char, "varchar": Varchar, "tinytext": Text, "text": Text, "mediumtext": Text, "longtext": Text,
	"binary": Binary, "varbinary": Varbinary, "tinyblob": Blob, "blob": Blob, "mediumblob": Blob, "longblob": Blob,
	"enum": Enum, "set": Set, "json": JSON,
}

// lobLength is the size in bytes of the types that are named by their size.
var lobLength = map[string]int{
	"tinytext": 1<<8 - 1, "text": 1<<16 - 1, "mediumtext": 1<<24 - 1, "longtext": 1<<32 - 1,
	"tinyblob": 1<<8 - 1, "blob": 1<<16 - 1, "mediumblob": 1<<24 - 1, "longblob": 1<<32 - 1,
}

// parseColumnType fills in what COLUMN_TYPE says: type, lengths, sign, members.
// It reports false, and leaves Unknown, for a type that is not known or that
// carries an attribute which is not (COMPRESSED, the old temporal formats).
func parseColumnType(s string, c *Column) bool {
	c.Type, c.Scale = Unknown, 0
	end := 0
	for end < len(s) && s[end] >= 'a' && s[end] <= 'z' {
		end++
	}
	word, rest := s[:end], s[end:]
	typ, ok := typeNames[word]
	if !ok {
		return false
	}
	var args []string
	if strings.HasPrefix(rest, "(") {
		if typ == Enum || typ == Set {
			args, rest, ok = parseMembers(rest)
		} else {
			args, rest, ok = parseNumbers(rest)
		}
		if !ok {
			return false
		}
	}
	if !parseAttributes(rest, c) || !setLengths(word, typ, args, c) {
		return false
	}
	c.Type = typ
	return true
}

// parseAttributes reads what follows the parentheses.
func parseAttributes(s string, c *Column) bool {
	for _, word := range strings.Fields(s) {
		switch word {
		case "unsigned":
			c.Unsigned = true
		case "zerofill":
			c.Zerofill = true
		default:
			return false
		}
	}
	return true
}

// setLengths gives the arguments of a type their meaning; false if their
// number is not what the servers print for it.
func setLengths(word string, typ Type, args []string, c *Column) bool {
	n := make([]int, len(args))
	if typ != Enum && typ != Set {
		for i, a := range args {
			n[i], _ = strconv.Atoi(a) // parseNumbers let digits through only
		}
	}
	switch typ {
	case Tinyint, Smallint, Mediumint, Int, Bigint:
		if len(n) == 1 {
			c.Length = n[0]
		}
		return len(n) <= 1
	case Year: // "year(4)" on MariaDB; two-digit years are stored otherwise
		return len(n) == 0 || len(n) == 1 && n[0] == 4
	case Bit, Char, Varchar, Binary, Varbinary:
		if len(n) != 1 {
			return false
		}
		c.Length = n[0]
		return true
	case Decimal:
		if len(n) != 2 {
			return false
		}
		c.Precision, c.Scale = n[0], n[1]
		return c.Precision > 0 && c.Scale <= c.Precision
	case Float, Double:
		c.Scale = -1
		if len(n) == 2 {
			c.Precision, c.Scale = n[0], n[1]
		}
		return len(n) == 0 || len(n) == 2
	case Datetime, Timestamp, Time:
		if len(n) == 1 {
			c.Fsp = n[0]
		}
		return len(n) <= 1 && c.Fsp <= 6
	case Enum, Set:
		c.Members = args
		return len(args) > 0
	case Text, Blob:
		c.Length = lobLength[word]
	}
	return len(n) == 0
}

// parseNumbers reads "(10,2)" and returns what follows it.
func parseNumbers(s string) (args []string, rest string, ok bool) {
	inner, rest, ok := strings.Cut(s[1:], ")")
	if !ok {
		return nil, s, false
	}
	for a := range strings.SplitSeq(inner, ",") {
		if len(a) == 0 || len(a) > 9 || strings.Trim(a, "0123456789") != "" {
			return nil, s, false
		}
		args = append(args, a)
	}
	return args, rest, true
}

// parseMembers reads the quoted members of ENUM and SET, with their
// parentheses, and returns what follows.
func parseMembers(s string) (members []string, rest string, ok bool) {
	s = s[1:]
	for {
		var m string
		if m, s, ok = parseLiteral(s); !ok || s == "" {
			return nil, s, false
		}
		members = append(members, m)
		switch s[0] {
		case ',':
			s = s[1:]
		case ')':
			return members, s[1:], true
		default:
			return nil, s, false
		}
	}
}

// parseLiteral reads a string literal as the servers print it in COLUMN_TYPE
// and MariaDB in COLUMN_DEFAULT: in single quotes, a quote doubled, and the
// escapes \0 \n \r \\ whatever the session's sql_mode.
func parseLiteral(s string) (value, rest string, ok bool) {
	if s == "" || s[0] != '\'' {
		return "", s, false
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\'' && i+1 < len(s) && s[i+1] == '\'':
			b.WriteByte('\'')
			i++
		case s[i] == '\'':
			return b.String(), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s):
			i++
			c, known := unescape(s[i])
			if !known {
				return "", s, false
			}
			b.WriteByte(c)
		default:
			b.WriteByte(s[i])
		}
	}
	return "", s, false
}

// unescape is the byte that \c stands for; false for an escape that the
// servers do not print.
func unescape(c byte) (byte, bool) {
	switch c {
	case '0':
		return 0, true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	case 'Z':
		return 26, true
	case 'b':
		return '\b', true
	case '\\', '\'', '"':
		return c, true
	}
	return 0, false
}
