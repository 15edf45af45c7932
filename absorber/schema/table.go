package schema

import "strings"

// Name is a table's database and name as the server spells them.
type Name struct{ DB, Table string }

// String gives "db.table", the form config, WAL and metrics use.
func (n Name) String() string { return n.DB + "." + n.Table }

// ParseName splits "db.table" at the first dot.
func ParseName(s string) (Name, bool) {
	db, t, ok := strings.Cut(s, ".")
	return Name{DB: db, Table: t}, ok && db != "" && t != ""
}

// Dialect is the family of the server: the few places where MySQL and MariaDB
// differ in what they store or say ask it.
type Dialect uint8

const (
	MySQL Dialect = iota
	MariaDB
)

// Type is a column's storage type.
type Type uint8

const (
	Unknown Type = iota // spatial, vector, MariaDB's UUID/INET: not absorbed
	Tinyint
	Smallint
	Mediumint
	Int
	Bigint
	Decimal
	Float
	Double
	Bit
	Year
	Date
	Datetime
	Timestamp
	Time
	Char
	Varchar
	Text // TINYTEXT to LONGTEXT
	Binary
	Varbinary
	Blob // TINYBLOB to LONGBLOB
	Enum
	Set
	JSON // MySQL's JSON, and MariaDB's LONGTEXT with exactly a json_valid check
)

// DefaultKind says where a column's value comes from when none is given.
type DefaultKind uint8

const (
	NoDefault       DefaultKind = iota // NOT NULL without DEFAULT: error 1364
	DefaultNull                        // nullable without DEFAULT, or DEFAULT NULL
	DefaultLiteral                     // Column.DefaultValue, already stored form
	DefaultNow                         // CURRENT_TIMESTAMP with the column's fsp
	DefaultExpr                        // not known here, and perhaps not shown as it is: only MySQL's own table has it
	DefaultComputed                    // an expression that any table of the same definition computes in the client's session
)

// Column is one column of a table, from information_schema.COLUMNS.
type Column struct {
	Name       string
	Type       Type
	ColumnType string // COLUMN_TYPE verbatim, "bigint(20) unsigned"
	Unsigned   bool
	Zerofill   bool
	NotNull    bool
	Length     int // CHAR/VARCHAR/TEXT: characters (TEXT: bytes); BINARY/BLOB: bytes; BIT: bits; integers: display width, 0 if none
	Precision  int // DECIMAL digits
	Scale      int // DECIMAL fraction digits; FLOAT(m,d)/DOUBLE(m,d): d, else -1
	Fsp        int // fractional second digits, 0 to 6
	Charset    string
	Collation  string
	Members    []string // ENUM and SET, in order
	Default    DefaultKind
	// DefaultValue is the stored form (row.Image's rules) of DefaultLiteral.
	DefaultValue  []byte
	OnUpdateNow   bool
	Generated     bool
	Virtual       bool // generated, and computed whenever it is read
	Loud          bool // Virtual, and computing it may warn or fail: then so does reading it
	Invisible     bool
	AutoIncrement bool

	generation string // of a generated column: the expression, as the server shows it
}

// Index is a unique index; Columns are positions in Table.Columns.
type Index struct {
	Name    string
	Columns []int
	Prefix  []int // prefix length in characters per column, 0 = whole column
}

// Table is everything the proxy knows of a table. It is immutable: a change of
// the schema gives a new Table with another Version.
type Table struct {
	Name          Name
	Dialect       Dialect
	Version       uint32 // hash of the definition
	Columns       []Column
	Primary       Index
	Uniques       []Index // other unique indexes, in the server's order
	AutoIncrement int     // position of the AUTO_INCREMENT column, -1 if none
	// Computed: the server computes columns of each row, or checks conditions on
	// it. What an INSERT or UPDATE makes of a row is then the server's to say.
	Computed bool
	// ForeignKeys are those of the table, Referenced the columns that a foreign
	// key of any table points to, ascending. They do not count in Version: what
	// is pending of a table stays what it is when a foreign key comes or goes.
	ForeignKeys []ForeignKey
	Referenced  []int
	// Refusals name why the table cannot be absorbed; empty means it can.
	Refusals []Refusal
}

// Refusal is one cause for which a table stays passed through. Reason is a
// stable snake_case name for metrics; Detail is a sentence for people.
type Refusal struct{ Reason, Detail string }

// Absorbable reports whether writes to the table may be absorbed.
func (t *Table) Absorbable() bool { return len(t.Refusals) == 0 }

// Column finds a column by name as MySQL does (case-insensitive); -1 if none.
func (t *Table) Column(name string) int {
	for i := range t.Columns {
		if strings.EqualFold(t.Columns[i].Name, name) {
			return i
		}
	}
	return -1
}
