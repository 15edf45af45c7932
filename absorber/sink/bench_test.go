package sink

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/client"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// BenchmarkApply measures batches of one op; ns/op is per row.
func BenchmarkApply(b *testing.B) {
	db := servertest.MariaDB(b)
	name := db.Database(b)
	db.Exec(b, name, "CREATE TABLE pairs (id INT PRIMARY KEY, v VARCHAR(50), u INT, UNIQUE KEY u (u))")
	tab := &schema.Table{Name: schema.Name{DB: name, Table: "pairs"}, Primary: schema.Index{Columns: []int{0}}, Columns: []schema.Column{
		{Name: "id", Type: schema.Int}, {Name: "v", Type: schema.Varchar}, {Name: "u", Type: schema.Int}}}
	s := Open(Config{Database: name, Dial: func(ctx context.Context) (*client.Conn, error) {
		return client.ConnectWithContext(ctx, db.Addr, db.User, db.Password, "", 5*time.Second, Capabilities)
	}})
	defer s.Close()
	if err := s.Ensure(b.Context()); err != nil {
		b.Fatal(err)
	}
	cp, err := s.Takeover(b.Context(), "main", 0)
	if err != nil {
		b.Fatal(err)
	}
	for _, op := range []row.Op{row.Insert, row.Update, row.Delete} {
		for _, size := range []int{100, 1000} {
			b.Run(fmt.Sprintf("%s/%d", op, size), func(b *testing.B) {
				apply := func(op row.Op, from, n int) {
					batch := Batch{Lane: "main", Epoch: cp.Epoch, From: cp.LSN, To: cp.LSN + 1}
					cp.LSN++
					for i := from; i < from+n; i++ {
						batch.Changes = append(batch.Changes, change(tab, batch.To, op, i, "value", i, 1))
					}
					if err := s.Apply(b.Context(), batch); err != nil {
						b.Fatal(err)
					}
				}
				db.Exec(b, name, "TRUNCATE pairs")
				if op != row.Insert {
					for i := 0; i < b.N; i += 1000 {
						apply(row.Insert, i, 1000)
					}
				}
				b.ResetTimer()
				for i := 0; i < b.N; i += size {
					apply(op, i, min(size, b.N-i))
				}
			})
		}
	}
}
