package e2e

import (
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// gapless are sessions under READ COMMITTED, in which a locking read of what is
// not there locks no gap.
var gapless = map[string][]move{
	"what is not there is not locked": {
		{0, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"},
		{0, "BEGIN"}, {0, "SELECT id FROM pay WHERE ref = 'none' FOR UPDATE"}, {0, "SELECT id FROM pay WHERE id = 77 FOR UPDATE"},
		{1, "INSERT INTO pay (id, ref) VALUES (77, 'none')"},
		{0, "INSERT INTO pay (id, ref) VALUES (78, 'none')"},
		{0, "SELECT id FROM pay WHERE ref = 'none' FOR UPDATE"}, {1, "~UPDATE pay SET note = 'late' WHERE id = 77"},
		{0, "UPDATE pay SET note = 'first' WHERE id IN (1, 77)"}, {0, "COMMIT"}, {1, "wait"},
		{0, "SELECT id, ref, note FROM pay ORDER BY id"},
	},
	"nor shared": {
		{0, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"},
		{0, "BEGIN"}, {0, "SELECT id FROM pay WHERE ref IN ('a', 'none') LOCK IN SHARE MODE"}, {0, "SELECT id FROM pay WHERE id = 77 LOCK IN SHARE MODE"},
		{1, "INSERT INTO pay (id, ref) VALUES (77, 'none')"}, {0, "SELECT id FROM pay WHERE ref IN ('a', 'none') LOCK IN SHARE MODE"},
		{1, "~DELETE FROM pay WHERE id = 77"}, {0, "COMMIT"}, {1, "wait"},
	},
	"what another inserts is waited for": {
		{0, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"},
		{1, "BEGIN"}, {1, "INSERT INTO pay (id, ref) VALUES (77, 'none')"},
		{0, "BEGIN"}, {0, "SELECT id FROM pay WHERE ref = 'none' FOR UPDATE SKIP LOCKED"}, {0, "SELECT id FROM pay WHERE id = 77 FOR UPDATE SKIP LOCKED"},
		{0, "SELECT id FROM pay WHERE id = 77 FOR UPDATE NOWAIT"},
		{0, "~SELECT id FROM pay WHERE ref = 'none' FOR UPDATE"}, {1, "COMMIT"}, {0, "wait"}, {0, "COMMIT"},
		{1, "BEGIN"}, {1, "INSERT INTO pay (id, ref) VALUES (79, 'gone')"},
		{0, "BEGIN"}, {0, "~SELECT id FROM pay WHERE id = 79 FOR UPDATE"}, {1, "ROLLBACK"}, {0, "wait"}, {0, "COMMIT"},
	},
	"Django's update_or_create": {
		{0, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"}, {0, "SET AUTOCOMMIT = 0"},
		{0, "SELECT `pay`.`id`, `pay`.`ref` FROM `pay` WHERE `pay`.`ref` = 'none' LIMIT 21 FOR UPDATE"}, {0, "SAVEPOINT `s1_x1`"},
		{1, "INSERT INTO `pay` (`id`, `ref`) VALUES (77, 'none')"},
		{0, "INSERT INTO `pay` (`id`, `ref`) VALUES (78, 'none')"}, {0, "ROLLBACK TO SAVEPOINT `s1_x1`"}, {0, "RELEASE SAVEPOINT `s1_x1`"},
		{0, "SELECT `pay`.`id`, `pay`.`ref` FROM `pay` WHERE `pay`.`ref` = 'none' LIMIT 21 FOR UPDATE"},
		{1, "~UPDATE `pay` SET `note` = 'late' WHERE `pay`.`id` = 77"},
		{0, "UPDATE `pay` SET `note` = 'mine' WHERE `pay`.`id` = 77"}, {0, "COMMIT"}, {1, "wait"}, {0, "SET AUTOCOMMIT = 1"},
		{0, "SELECT id, ref, note FROM pay ORDER BY id"},
	},
	"own rows are there": {
		{0, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"},
		{0, "BEGIN"}, {0, "INSERT INTO pay (id, ref) VALUES (77, 'none')"}, {0, "DELETE FROM pay WHERE id = 1"},
		{0, "SELECT id FROM pay WHERE ref IN ('a', 'none', 'b') FOR UPDATE"}, {0, "SELECT id FROM pay WHERE id = 77 FOR UPDATE"}, {0, "SELECT id FROM pay WHERE id = 78 FOR UPDATE"},
		{1, "INSERT INTO pay (id, ref) VALUES (78, 'other')"}, {1, "~INSERT INTO pay (id, ref) VALUES (1, 'again')"}, {0, "COMMIT"}, {1, "wait"},
		{0, "SELECT id, ref FROM pay ORDER BY id"},
	},
}

// TestReadCommittedGaps compares them with sessions without the proxies.
func TestReadCommittedGaps(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), nil, transactionTables...)
			cfg := settings(t, b.db, b.redis.Addr)
			cfg.WriteBack.DrainRate = 0.5
			cfg.Tables = map[string]config.Table{b.proxied + ".*": {}}
			other := start(t, b.db, cfg)
			for name, moves := range gapless {
				t.Run(name, func(t *testing.T) {
					own := *b
					own.t = t
					p := own.sessions(wire.CapDeprecateEOF)
					p.query(anyhow, filled...)
					direct := interleave(t, [2]*packetClient{p.directly, dialPackets(t, b.db.Addr, b.direct, wire.CapDeprecateEOF)}, moves)
					proxied := interleave(t, [2]*packetClient{p.proxy, dialPackets(t, other.Proxy, b.proxied, wire.CapDeprecateEOF)}, moves)
					for i := range direct {
						if direct[i] != strings.ReplaceAll(proxied[i], b.proxied, b.direct) {
							t.Errorf("directly %s\nproxied  %s", direct[i], proxied[i])
						}
					}
					own.equal("pay", "account")
				})
			}
		})
	}
}
