package row

import (
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// ValueKind is the class of a literal or parameter. It decides, as much as the
// text does, what a column stores.
type ValueKind uint8

const (
	KindNull     ValueKind = iota
	KindInt                // Text is canonical decimal, maybe negative, within int64
	KindUint               // Text is canonical decimal within uint64
	KindDecimal            // exact: digits with a point, or an integer beyond uint64
	KindFloat              // 1e3, or a binary-protocol double or float (Text = shortest exact form)
	KindString             // Text in utf8mb4
	KindBytes              // x'..', 0x.., b'..' and binary-protocol BLOB parameters
	KindDate               // binary-protocol DATE, Text canonical '2026-11-22'
	KindDatetime           // binary-protocol DATETIME or TIMESTAMP, Text canonical, fraction as given
	KindTime               // binary-protocol TIME, Text canonical '-838:59:59.000000'
	KindDefault            // the word DEFAULT inside plans; never a parameter, never stored
)

// Value is one literal or one parameter of a statement, before it meets a
// column.
type Value struct {
	Kind ValueKind
	Text []byte // nil for KindNull
	// Float32 marks a KindFloat that came as a 4-byte float.
	Float32 bool
}

// StoreMode is what of a session and its server changes how a value is stored.
type StoreMode struct {
	Dialect schema.Dialect
	// Strict is STRICT_TRANS_TABLES or STRICT_ALL_TABLES.
	Strict                 bool
	NoZeroDate             bool
	NoZeroInDate           bool
	AllowInvalidDates      bool
	TimeTruncateFractional bool // MySQL's TIME_TRUNCATE_FRACTIONAL
	TimeRoundFractional    bool // MariaDB's TIME_ROUND_FRACTIONAL
	// Location is the session's time_zone, for TIMESTAMP columns. Nil means
	// that it cannot be computed here: no TIMESTAMP text is clean.
	Location *time.Location
}
