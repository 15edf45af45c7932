package absorber

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/client"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// Between an INSERT's look at the cache and its look at MySQL a statement
// behind the gate is given the same AUTO_INCREMENT value. The client has named
// none, so that is not its duplicate: it has to try again with another value,
// once the gate is open.
func TestInsertMeetsItsValueInMySQL(t *testing.T) {
	for _, c := range []struct {
		name string
		left bool // whether the gate is open again
		want error
	}{{"the gate is still shut", false, wal.ErrGated}, {"the gate is open again", true, wal.ErrStaleTable}} {
		t.Run(c.name, func(t *testing.T) {
			db := servertest.MariaDB(t)
			ensureCheckpoints(t, db)
			db.Exec(t, "", "CREATE DATABASE IF NOT EXISTS met", "CREATE OR REPLACE TABLE met.pairs (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(50) COLLATE utf8mb4_bin, u INT)")
			t.Cleanup(func() { db.Exec(t, "", "DROP DATABASE met") })
			p := newPipeline(t)
			table := *pairs
			table.Name, table.Uniques, table.AutoIncrement = schema.Name{DB: "met", Table: "pairs"}, nil, 0
			name := table.Name.String()
			infos, err := p.store.TableStates(t.Context(), "main", []string{name})
			if err != nil {
				t.Fatal(err)
			}
			st := infos[0].TableState
			e := p.engine(func(cfg *Config) {
				cfg.Dial = func(ctx context.Context) (*client.Conn, error) { // after the cache was asked
					if _, err := p.store.JoinGate(ctx, "main", name, "other", 1, time.Minute, wal.JoinFirst); err != nil {
						return nil, err
					}
					if err := p.store.ShutGate(ctx, "main", name, wal.Counter{}); err != nil {
						return nil, err
					}
					db.Exec(t, "met", "INSERT INTO pairs (v) VALUES ('theirs')")
					if c.left {
						if err := p.store.LeaveGate(ctx, "main", name, "other"); err != nil {
							return nil, err
						}
					}
					return client.ConnectWithContext(ctx, db.Addr, db.User, db.Password, "", time.Second, sink.Capabilities)
				}
			})
			defer e.loader.close()
			in := &insertion{e: e, u: e.NewUsage(), t: &table, inc: AutoIncrement{1, 1},
				rows: []NewRow{{Image: [][]byte{[]byte("1"), []byte("ours"), nil}, Generate: true}}}
			// The value 1 was given out so long ago that its key is looked up.
			in.last, in.res = 1, Result{Lane: "main", InsertID: 1, Generated: true, Reserved: Reservation{gen: st}}
			ref, err := row.IndexRef(&table, in.rows[0].Image)
			if err != nil {
				t.Fatal(err)
			}
			in.refs = []row.Ref{ref}
			if _, err := in.build(t.Context(), st); !errors.Is(err, c.want) {
				t.Errorf("the INSERT ends with %v, want %v", err, c.want)
			}
		})
	}
}
