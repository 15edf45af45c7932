package row

// Op is what a mutation does to its row.
type Op uint8

const (
	Insert Op = iota + 1 // the row did not exist; Image is the new row
	Update               // Image is the new row, Changed the columns that differ
	Delete               // Image is the last row before the delete
)

// String names the op as dead letters and `wal dump` print it.
func (o Op) String() string { return [...]string{"none", "insert", "update", "delete"}[o] }

// Key identifies a row in its table: the primary key's columns, encoded so
// that two values MySQL calls equal have the same bytes, and bytes.Compare
// orders keys as the primary index does. See EncodeKey.
type Key string

// Image is a whole row: one value for each column, in table order. A value is
// what MySQL's text protocol would print, nil for NULL, with these exceptions:
//
//   - text of any character set is kept in utf8mb4;
//   - TIMESTAMP is kept in UTC ('2026-11-22 20:01:02.123456', all fsp digits);
//   - FLOAT is kept exact (shortest decimal that reads back as the same
//     float32), not with the 6 digits MySQL prints;
//   - BIT(n) is its (n+7)/8 big-endian bytes, as in the protocol.
//
// An Image from the cache aliases the buffer it was decoded from: copy before
// changing a value.
type Image [][]byte

// Mutation is one row's change. Table is "db.table" as the server spells it.
type Mutation struct {
	Table   string
	Key     Key
	Op      Op
	Schema  uint32 // schema.Table.Version the image was made under
	Image   Image
	Changed []uint16 // Update: indexes of the changed columns, ascending
}

// UnitID names a unit before it has an LSN. A writer has at most one commit
// in flight and counts Seq up by one for each, so the WAL can tell a repeat
// from a new unit by remembering one Seq a writer.
type UnitID struct {
	Writer string
	Seq    uint64
}

// Unit is what commits, drains and fails together: the mutations of one
// statement or transaction, in statement order.
type Unit struct {
	ID         UnitID
	Lane       Lane
	LSN        LSN   // 0 until committed
	AcceptedMs int64 // Unix time in milliseconds
	Mutations  []Mutation
}

// Ref is a row named by the values of its primary key: Key for the cache,
// Values (stored form, in the order of Table.Primary.Columns) for MySQL.
type Ref struct {
	Key    Key
	Values [][]byte
}
