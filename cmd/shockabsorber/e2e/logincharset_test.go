package e2e

import (
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// TestLoginCharsetIgnored: a server with skip-character-set-client-handshake gives
// every session its own character set, whatever the client asks for at login.
func TestLoginCharsetIgnored(t *testing.T) {
	for _, c := range []struct{ charset, collation string }{{"latin1", "latin1_swedish_ci"}, {"latin1", "latin1_german2_ci"}, {"cp850", "cp850_general_ci"}, {"utf8mb4", "utf8mb4_bin"}} {
		t.Run(c.collation, func(t *testing.T) {
			db := servertest.OwnMariaDB(t, "--skip-character-set-client-handshake", "--character-set-server="+c.charset, "--collation-server="+c.collation)
			b := newBench(t, db, nil, "CREATE TABLE words (id INT NOT NULL PRIMARY KEY, w VARCHAR(40) CHARACTER SET utf8mb4, l VARCHAR(40) CHARACTER SET latin1, UNIQUE KEY (w))")
			p := b.sessions(wire.CapDeprecateEOF)
			p.query(anyhow, "INSERT INTO words VALUES (1, 'é', 'é'), (2, 'x', 'y')", "SELECT * FROM words WHERE id = 1", "SELECT id, HEX(w), HEX(l), w = 'é' FROM words WHERE id = 1",
				"SELECT * FROM words WHERE w = 'é'", "UPDATE words SET l = 'ü' WHERE id = 2", "SELECT * FROM words WHERE id = 2")
			p.execute(anyhow, "INSERT INTO words VALUES (?, ?, ?)", 3, "ä", "ö")
			p.query(anyhow, "SELECT * FROM words WHERE id = 3", "SET NAMES utf8mb4", "INSERT INTO words VALUES (4, 'ß', 'ß')", "SELECT * FROM words WHERE w = 'ß'", "SELECT * FROM words WHERE id = 3")
			b.equal("words")
		})
	}
}
