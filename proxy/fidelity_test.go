package proxy

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// TestSameBytes runs a script of commands of every kind against the server
// and through the proxy, and compares every packet of every answer, headers
// included.
func TestSameBytes(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *servertest.DB{"mariadb": servertest.MariaDB, "mysql": servertest.MySQL} {
		t.Run(name, func(t *testing.T) {
			db := start(t)
			s := startProxy(t, Config{Backend: BackendConfig{Addr: db.Addr}})
			for _, v := range []struct {
				name string
				caps wire.Capability
			}{
				{"classic", baseCaps | wire.CapMultiStatements | wire.CapLocalFiles},
				{"track", baseCaps | wire.CapMultiStatements | wire.CapLocalFiles | wire.CapSessionTrack | wire.CapFoundRows},
				{"deprecate_eof", baseCaps | wire.CapMultiStatements | wire.CapLocalFiles | wire.CapSessionTrack | wire.CapDeprecateEOF | wire.CapIgnoreSpace},
				{"attributes", baseCaps | wire.CapDeprecateEOF | wire.CapQueryAttributes},
				{"extended", baseCaps&^wire.CapLongPassword | wire.CapDeprecateEOF | wire.CapExtendedMetadata},
			} {
				t.Run(v.name, func(t *testing.T) {
					database := db.Database(t)
					total := 0
					for _, g := range script() {
						if g.only == "" || strings.HasPrefix(name, g.only) {
							total += compareGroup(t, db, s.Addr().String(), database, v.caps, g)
						}
					}
					t.Logf("%d answers compared", total)
				})
			}
		})
	}
}

// compareGroup runs a group on two new connections and compares the answers.
func compareGroup(t *testing.T, db *servertest.DB, proxied, database string, caps wire.Capability, g group) int {
	t.Helper()
	run := func(addr string) (answers [][][]byte) {
		db.Exec(t, "", "drop database "+database, "create database "+database)
		c := dialRaw(t, addr, "app", "secret", database, caps)
		defer c.nc.Close()
		for _, s := range g.steps {
			answers = append(answers, c.run(s))
		}
		return answers
	}
	want, got := run(db.Addr), run(proxied)
	for i, s := range g.steps {
		if bytes.Equal(normalised(want[i]), normalised(got[i])) {
			continue
		}
		t.Errorf("%s: %.60q\n server: %s\n proxy:  %s", g.name, s.name, show(want[i]), show(got[i]))
	}
	return len(g.steps)
}

// statementID is in error texts. MariaDB counts over all sessions.
var statementID = regexp.MustCompile(`handler \(\d+\)|statement \(\d+\)`)

// normalised joins the packets without what differs from session to session.
func normalised(packets [][]byte) []byte {
	var all []byte
	for _, p := range packets {
		if len(p) > 4 && p[4] == 0xff {
			p = append([]byte("...."), statementID.ReplaceAll(p[3:], []byte("n"))...)
		}
		all = append(all, p...)
	}
	return all
}

// show prints packets, shortened.
func show(packets [][]byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d packets", len(packets))
	for i, p := range packets {
		if i > 14 {
			b.WriteString(" ...")
			break
		}
		fmt.Fprintf(&b, " %.90q", p)
	}
	return b.String()
}
