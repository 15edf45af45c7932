package absorber

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// duplicateTable has the kinds of columns whose text is certain, and one whose
// text is not.
func duplicateTable(d schema.Dialect) *schema.Table {
	t := &schema.Table{Name: schema.Name{DB: "d", Table: "dup"}, Dialect: d, AutoIncrement: -1,
		Primary: schema.Index{Name: "PRIMARY", Columns: []int{0}, Prefix: []int{0}},
		Columns: []schema.Column{{Name: "id", Type: schema.Int}, {Name: "a", Type: schema.Varchar}, {Name: "b", Type: schema.Decimal}, {Name: "c", Type: schema.Blob}}}
	t.Uniques = []schema.Index{{Name: "ab", Columns: []int{1, 2}, Prefix: []int{0, 0}}, {Name: "c", Columns: []int{3}, Prefix: []int{9}}}
	return t
}

// The text of error 1062 is what the servers say, on both of them.
func TestDuplicateTextIsTheServers(t *testing.T) {
	for name, s := range map[string]struct {
		dialect schema.Dialect
		start   func(testing.TB) *servertest.DB
	}{"MariaDB": {schema.MariaDB, servertest.MariaDB}, "MySQL": {schema.MySQL, servertest.MySQL}} {
		t.Run(name, func(t *testing.T) {
			table := duplicateTable(s.dialect)
			db := s.start(t)
			pool := db.Open(t, db.Database(t))
			if _, err := pool.Exec("CREATE TABLE dup (id INT PRIMARY KEY, a VARCHAR(80), b DECIMAL(9,2), c BLOB, UNIQUE ab (a, b), UNIQUE c (c(9)))"); err != nil {
				t.Fatal(err)
			}
			for i, im := range []row.Image{
				{[]byte("1"), []byte("x"), []byte("1.50"), nil},
				{[]byte("2"), []byte(""), []byte("1.50"), nil},
				{[]byte("-7"), []byte("it's \"quoted\" \\ - %s"), []byte("-0.01"), nil},
				{[]byte("3"), []byte(strings.Repeat("y", 50)), []byte("1234567.00"), nil}, // 61 characters: up to the limit
			} {
				insert := "INSERT INTO dup VALUES (?, ?, ?, ?)"
				if _, err := pool.Exec(insert, im[0], im[1], im[2], im[3]); err != nil {
					t.Fatal(err)
				}
				for _, c := range []struct {
					ix schema.Index
					id []byte
				}{{table.Primary, im[0]}, {table.Uniques[0], []byte("99")}} {
					_, theirs := pool.Exec(insert, c.id, im[1], im[2], im[3])
					var ours *Duplicate
					if err := duplicate(table, c.ix, im); !errors.As(err, &ours) {
						var r *Refused
						if !errors.As(err, &r) || i != 3 {
							t.Errorf("row %d, index %s: %v", i, c.ix.Name, err)
						}
						continue
					}
					if theirs == nil || !strings.HasSuffix(theirs.Error(), ": "+ours.Error()) {
						t.Errorf("the proxy says %q, the server %v", ours.Error(), theirs)
					}
				}
			}
		})
	}
}

// Where the server's text is not certain, the statement is the server's.
func TestDuplicateTextNotCertain(t *testing.T) {
	table := duplicateTable(schema.MySQL)
	for what, im := range map[string]row.Image{
		"a long value":        {nil, []byte(strings.Repeat("z", 61)), []byte("1"), nil},
		"a control character": {nil, []byte("a\nb"), []byte("1"), nil},
		"not ASCII":           {nil, []byte("é"), []byte("1"), nil},
	} {
		var r *Refused
		if err := duplicate(table, table.Uniques[0], im); !errors.As(err, &r) || r.Reason != "duplicate_text" {
			t.Errorf("%s: %v, want a refusal", what, err)
		}
	}
	var r *Refused
	if err := duplicate(table, table.Uniques[1], row.Image{nil, nil, nil, []byte("x")}); !errors.As(err, &r) {
		t.Errorf("a BLOB: %v, want a refusal", err)
	}
	zero := *table
	zero.Columns = append([]schema.Column(nil), table.Columns...)
	zero.Columns[0].Zerofill = true
	if err := duplicate(&zero, zero.Primary, row.Image{[]byte("7"), nil, nil, nil}); !errors.As(err, &r) {
		t.Errorf("ZEROFILL: %v, want a refusal", err)
	}
}

// A clean row of a table with AUTO_INCREMENT outlives every value that was
// given out before it was inserted; others live as long as they are told.
func TestLifetimeOfCleanRows(t *testing.T) {
	counted, plain := &schema.Table{AutoIncrement: 0}, &schema.Table{AutoIncrement: -1}
	if minTTL <= freshKey+commitPatience {
		t.Errorf("minTTL %v: a value is taken to be free for %v, and its commit may take %v", minTTL, freshKey, commitPatience)
	}
	for _, c := range []struct {
		table     *schema.Table
		ttl, want time.Duration
	}{{plain, 0, 0}, {plain, time.Second, time.Second}, {counted, 0, minTTL}, {counted, time.Second, minTTL}, {counted, time.Hour, time.Hour}} {
		if got := lifetime(c.table, c.ttl); got != c.want {
			t.Errorf("AUTO_INCREMENT in column %d, ttl %v: %v, want %v", c.table.AutoIncrement, c.ttl, got, c.want)
		}
	}
}

// The largest value that the proxy gives out is one below what fits.
func TestMaxAutoIncrement(t *testing.T) {
	for _, c := range []struct {
		column schema.Column
		want   uint64
	}{
		{schema.Column{Type: schema.Tinyint}, 126}, {schema.Column{Type: schema.Tinyint, Unsigned: true}, 254},
		{schema.Column{Type: schema.Smallint}, 32766}, {schema.Column{Type: schema.Mediumint, Unsigned: true}, 16777214},
		{schema.Column{Type: schema.Int}, 2147483646}, {schema.Column{Type: schema.Bigint}, 1<<63 - 2},
		{schema.Column{Type: schema.Bigint, Unsigned: true}, 1<<64 - 2}, {schema.Column{Type: schema.Double}, 0},
	} {
		if got := maxAutoIncrement(&c.column); got != c.want {
			t.Errorf("type %d, unsigned %v: %d, want %d", c.column.Type, c.column.Unsigned, got, c.want)
		}
	}
}
