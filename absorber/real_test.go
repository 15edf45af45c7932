package absorber

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/client"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
)

// A random history drains through the real sink into real servers, which are
// killed on the way, and comes to the same rows as in the memory twin.
func TestDrainIntoRealServersThatCrash(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *servertest.DB{"MariaDB": servertest.MariaDB, "MySQL": servertest.MySQL} {
		t.Run(name, func(t *testing.T) {
			db := start(t)
			database := db.Database(t) // for the sink's tables
			db.Exec(t, "", "DROP DATABASE IF EXISTS d", "CREATE DATABASE d", "CREATE TABLE d.pairs (id INT PRIMARY KEY, v VARCHAR(50) COLLATE utf8mb4_bin, u INT, UNIQUE KEY u (u), CHECK (v <> 'poison'))")
			p := newPipeline(t)
			p.scribble(rand.New(rand.NewPCG(7, 7)), 200, true)
			s := sink.Open(sink.Config{Database: database, Dial: func(ctx context.Context) (*client.Conn, error) {
				return client.ConnectWithContext(ctx, db.Addr, db.User, db.Password, "", time.Second, sink.Capabilities)
			}})
			defer s.Close()
			if err := s.Ensure(t.Context()); err != nil {
				t.Fatal(err)
			}
			cfg := p.config()
			cfg.Target, cfg.BatchSize, cfg.MaxBackoff = s, 7, 50*time.Millisecond
			w, stop := p.start(cfg)
			for _, upto := range []row.LSN{30, 90} {
				eventually(t, "some units are drained", func() bool { return w.Stats().Checkpoint > upto })
				db.Kill()
				db.Restart(t)
			}
			p.commit(pair(row.Insert, 900, "end", 900))
			p.settled(w)
			stop()

			// The twin judges what came out: same rows, and dead letters with a cause.
			p.server.letters, p.server.rows = nil, table{}
			for after := uint64(0); ; {
				page, err := s.DeadLetters(t.Context(), "main", after, 10)
				if err != nil {
					t.Fatal(err)
				}
				if len(page) == 0 {
					break
				}
				after = page[len(page)-1].ID
				p.server.letters = append(p.server.letters, page...)
			}
			rs, err := db.Open(t, "d").Query("SELECT id, v, u FROM pairs")
			if err != nil {
				t.Fatal(err)
			}
			defer rs.Close()
			for rs.Next() {
				var id, u int
				var v string
				if err := rs.Scan(&id, &v, &u); err != nil {
					t.Fatal(err)
				}
				m := pair(row.Insert, id, v, u)
				p.server.rows[m.Key] = m.Image
			}
			if len(p.server.letters) == 0 || len(p.server.rows) == 0 {
				t.Errorf("%d dead letters, %d rows", len(p.server.letters), len(p.server.rows))
			}
			p.check(false)
		})
	}
}
