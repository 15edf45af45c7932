package interleave

import (
	"database/sql"
	"fmt"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/serial"
)

// freeEach is how many transactions a session does in a round.
const freeEach = 40

// TestSerializable: transactions that lock what they read are strictly
// serialisable, over two proxies, whoever does them: the proxies or MySQL.
func TestSerializable(t *testing.T) {
	for _, server := range servers {
		t.Run(server.name, func(t *testing.T) {
			w := newWorld(t, server.start(t), server.mysql)
			seed := servertest.Number(t, "SHOCK_ABSORBER_SEED", usualSeed)
			var pools []*sql.DB
			for _, p := range w.proxies {
				pool, err := sql.Open("mysql", fmt.Sprintf("%s:%s@tcp(%s)/%s", servertest.AppUser, password, p.Proxy, w.proxied))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = pool.Close() })
				pools = append(pools, pool)
			}
			var total serial.History
			for round := range servertest.Number(t, "SHOCK_ABSORBER_ROUNDS", 3) {
				load := serial.Load{Pools: pools, Direct: w.db.Open(t, w.proxied), Seed: seed<<16 + round, Each: freeEach, Drain: func() error {
					_, err := w.operator.Exec("CALL shock_absorber.drain()")
					return err
				}}
				h, err := load.Run(t.Context())
				if err != nil {
					t.Errorf("seed %d round %d: %v", seed, round, err)
				}
				total.Add(h)
			}
			t.Log(&total)
			if total.Kinds["transaction"] == 0 {
				t.Error("no transaction was committed")
			}
		})
	}
}
