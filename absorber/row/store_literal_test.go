package row_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// literal is a value as SQL text; a 4-byte float has none.
func literal(v row.Value) (string, bool) {
	switch v.Kind {
	case row.KindNull:
		return "NULL", true
	case row.KindString:
		return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`, "\x00", `\0`).Replace(string(v.Text)) + "'", true
	case row.KindBytes:
		return "x'" + hex.EncodeToString(v.Text) + "'", true
	case row.KindDate:
		return "DATE'" + string(v.Text) + "'", !strings.Contains(string(v.Text), "-00")
	case row.KindDatetime:
		return "TIMESTAMP'" + string(v.Text) + "'", !strings.Contains(string(v.Text), "-00")
	case row.KindTime:
		return "TIME'" + string(v.Text) + "'", true
	}
	return string(v.Text), !v.Float32
}

// parameter is a value as a client's binary protocol sends it; false where it
// cannot.
func parameter(v row.Value) (any, bool) {
	text := string(v.Text)
	switch v.Kind {
	case row.KindNull:
		return nil, true
	case row.KindInt:
		n, err := strconv.ParseInt(text, 10, 64)
		return n, err == nil
	case row.KindUint:
		n, err := strconv.ParseUint(text, 10, 64)
		return n, err == nil
	case row.KindDecimal:
		return mysql.TypedBytes{Type: mysql.MYSQL_TYPE_NEWDECIMAL, Bytes: v.Text}, true
	case row.KindFloat:
		if v.Float32 {
			f, err := strconv.ParseFloat(text, 32)
			return float32(f), err == nil
		}
		f, err := strconv.ParseFloat(text, 64)
		return f, err == nil
	case row.KindString:
		return text, true
	case row.KindBytes:
		return mysql.TypedBytes{Type: mysql.MYSQL_TYPE_BLOB, Bytes: v.Text}, true
	case row.KindDate:
		return mysql.TypedBytes{Type: mysql.MYSQL_TYPE_DATE, Bytes: packDatetime(text)}, true
	case row.KindDatetime:
		return mysql.TypedBytes{Type: mysql.MYSQL_TYPE_DATETIME, Bytes: packDatetime(text)}, true
	case row.KindTime:
		return mysql.TypedBytes{Type: mysql.MYSQL_TYPE_TIME, Bytes: packTime(text)}, true
	}
	return nil, false
}

// packDatetime is 'YYYY-MM-DD[ HH:MM:SS[.ffffff]]' in the binary protocol.
func packDatetime(text string) []byte {
	var y, mo, d, h, mi, s, us int
	if _, err := fmt.Sscanf(strings.NewReplacer("-", " ", ":", " ", ".", " ").Replace(text+" 0 0 0 0"), "%d %d %d %d %d %d %d", &y, &mo, &d, &h, &mi, &s, &us); err != nil {
		return nil
	}
	b := append(binary.LittleEndian.AppendUint16(nil, uint16(y)), byte(mo), byte(d))
	if len(text) == 10 {
		return b
	}
	b = append(b, byte(h), byte(mi), byte(s))
	if us == 0 {
		return b
	}
	return binary.LittleEndian.AppendUint32(b, uint32(us))
}

// packTime is '[-]HH:MM:SS[.ffffff]' in the binary protocol.
func packTime(text string) []byte {
	var h, mi, s, us int
	rest, negative := strings.CutPrefix(text, "-")
	if _, err := fmt.Sscanf(strings.NewReplacer(":", " ", ".", " ").Replace(rest+" 0"), "%d %d %d %d", &h, &mi, &s, &us); err != nil {
		return nil
	}
	b := []byte{0}
	if negative {
		b[0] = 1
	}
	b = append(binary.LittleEndian.AppendUint32(b, uint32(h/24)), byte(h%24), byte(mi), byte(s))
	if us == 0 {
		return b
	}
	return binary.LittleEndian.AppendUint32(b, uint32(us))
}
