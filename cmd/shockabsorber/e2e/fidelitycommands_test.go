package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/rawclient"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// TestF9Commands: commands that are no statements, between absorbed ones, after
// absorbed ones and after errors of the backend.
func TestF9Commands(t *testing.T) {
	fidelityWith(t, func(p *pair) {
		commands := func() {
			p.t.Helper()
			p.odd(anyhow, "COM_PING", wire.ComPing)
			p.odd(anyhow, "COM_INIT_DB", wire.ComInitDB, []byte(p.direct)...)
			p.odd(anyhow, "COM_INIT_DB nowhere", wire.ComInitDB, []byte("nowhere")...)
			p.odd(anyhow, "COM_SET_OPTION", wire.ComSetOption, 0, 0)
			p.odd(anyhow, "COM_FIELD_LIST", wire.ComFieldList, []byte("pay\x00%")...)
			p.odd(anyhow, "COM_FIELD_LIST of nothing", wire.ComFieldList, []byte("nothing\x00")...)
			p.odd(anyhow, "COM_SLEEP", wire.ComSleep)
			p.odd(anyhow, "COM_TIME", wire.ComTime)
			p.odd(anyhow, "COM_CREATE_DB", 5, []byte("x")...)
			p.odd(anyhow, "unknown", 0x55)
			p.odd(anyhow, "COM_PROCESS_KILL", wire.ComProcessKill, 0, 0, 0, 0xf0)
		}
		commands()
		p.query(anyhow, "INSERT INTO plain VALUES (1, 'one')")
		commands()
		p.query(anyhow, "SELECT nothing FROM pay", "INSERT INTO plain VALUES (2, 'two')")
		commands()
		p.query(anyhow, "SHOW WARNINGS", "INSERT INTO plain VALUES (2, 'two')", "SHOW WARNINGS", "SELECT nothing FROM pay", "INSERT INTO plain VALUES (3, 'three')", "SHOW WARNINGS", "INSERT INTO plain VALUES (3, 'three')")
		commands()
		p.query(anyhow, "SHOW WARNINGS", "INSERT INTO plain VALUES (4, 'four')")
		p.odd(anyhow, "COM_STMT_RESET", wire.ComStmtReset, 0, 0, 0, 9)
		p.load(anyhow, "LOAD DATA LOCAL INFILE 'x' INTO TABLE word FIELDS TERMINATED BY ','", "1,a,b,c,d\n2,e,f,g,h\n2,dup,,,\n")
		p.query(anyhow, "SHOW WARNINGS", "SELECT * FROM word WHERE id = 2", "UPDATE word SET u = 'changed' WHERE id = 2")
		p.load(anyhow, "LOAD DATA LOCAL INFILE 'x' REPLACE INTO TABLE word FIELDS TERMINATED BY ','", "2,again,,,\n")
		p.load(anyhow, "LOAD DATA LOCAL INFILE 'x' INTO TABLE word", "")
		p.load(anyhow, "LOAD DATA LOCAL INFILE 'x' INTO TABLE nowhere", "9\n")
		p.query(anyhow, "SELECT * FROM word WHERE id = 2", "DELETE FROM plain", "SELECT 1")
	}, 0, wire.CapDeprecateEOF|wire.CapSessionTrack, wire.CapQueryAttributes)
}

// TestF9Large: rows at and beyond the size of a packet.
func TestF9Large(t *testing.T) {
	fidelity(t, func(p *pair) {
		head := "INSERT INTO word (id, big) VALUES (700, '"
		p.query(anyhow, head+strings.Repeat("x", wire.MaxPayload-1-len(head)-2)+"')", "SELECT id, big FROM word WHERE id = 700", "SELECT id, LENGTH(big) FROM word WHERE id = 700", "UPDATE word SET big = CONCAT(big, ABS(-1)) WHERE id = 700", "SELECT id, LENGTH(big) FROM word")
		p.execute(anyhow, "INSERT INTO word (id, big) VALUES (?, ?)", 701, bytes.Repeat([]byte("y\x00'"), 6<<20))
		p.execute(anyhow, "SELECT big FROM word WHERE id = ?", 701)
		p.query(anyhow, "DELETE FROM word WHERE id IN (700, 701)", "SELECT 1")
	})
}

// TestF9Reset: COM_RESET_CONNECTION and COM_CHANGE_USER begin anew.
func TestF9Reset(t *testing.T) {
	fidelityWith(t, func(p *pair) {
		again := map[string]func(c *packetClient, own func(string) string) [][]byte{
			"reset": func(c *packetClient, _ func(string) string) [][]byte { return c.odd(wire.ComResetConnection, nil, nil) },
			"change user": func(c *packetClient, own func(string) string) [][]byte {
				return c.changeUser(proxyUser, proxyPassword, own(p.direct))
			},
			"change to no database": func(c *packetClient, _ func(string) string) [][]byte {
				return c.changeUser(proxyUser, proxyPassword, "")
			},
		}
		for _, name := range []string{"reset", "change user", "reset", "change to no database", "change user"} {
			p.says(anyhow, "USE $", "SET NAMES latin1, sql_mode = 'ANSI_QUOTES', @v = 5, time_zone = '+03:00', autocommit = 0", "CREATE TEMPORARY TABLE word (id INT)", "INSERT INTO word VALUES (1)", "INSERT INTO pay (id, ref) VALUES (90, 'lost')", "SELECT GET_LOCK('sa_$', 1)", "HANDLER pay OPEN", "PREPARE s FROM 'SELECT 1'")
			p.execute(anyhow, "SELECT ref FROM pay WHERE id = ?", 1)
			p.both(anyhow, name, again[name])
			p.stmt(anyhow, "execute after "+name, "SELECT ref FROM pay WHERE id = ?", wire.ComStmtExecute, 0, 1, 0, 0, 0, 0, 1, 3, 0, 1, 0, 0, 0)
			delete(p.directly.stmt, "SELECT ref FROM pay WHERE id = ?")
			p.says(anyhow, "SELECT DATABASE(), @v, @@sql_mode, @@time_zone, @@autocommit, @@character_set_client, @@collation_connection, LAST_INSERT_ID(), IS_FREE_LOCK('sa_$')", "USE $", "SELECT * FROM word", "EXECUTE s", "SELECT id FROM pay WHERE id = 90", "HANDLER pay READ FIRST", `SELECT "ref" FROM pay WHERE id = 1`)
			p.query(updated, "UPDATE pay SET amount = amount + 1 WHERE id = 1")
			p.query(anyhow, "SELECT amount FROM pay WHERE id = 1", "SHOW WARNINGS", "SELECT ROW_COUNT()")
			p.both(anyhow, name+" after an absorbed write", again[name])
			p.query(anyhow, "SELECT LAST_INSERT_ID(), ROW_COUNT()", "SHOW WARNINGS")
		}
		p.both(anyhow, "a wrong password", func(c *packetClient, own func(string) string) [][]byte {
			return c.changeUser(proxyUser, "wrong", own(p.direct))
		})
		p.both(anyhow, "afterwards", func(c *packetClient, _ func(string) string) [][]byte {
			return c.odd(wire.ComQuery, c.queryText("SELECT USER(), DATABASE()"), nil)
		})
	}, 0, wire.CapSessionTrack|wire.CapDeprecateEOF)
}

// changeUser runs a COM_CHANGE_USER. What comes back is the OK or the error.
func (c *packetClient) changeUser(user, password, db string) [][]byte {
	err := c.raw.ChangeUser(user, password, db)
	var e *wire.ErrPacket
	switch {
	case errors.As(err, &e):
		// The proxy does as a server that resolves names.
		return [][]byte{append([]byte("----"), strings.ReplaceAll(e.Error(), "127.0.0.1", "localhost")...)}
	case err != nil:
		return [][]byte{rawclient.Closed}
	}
	return [][]byte{append([]byte("----"), c.raw.Welcome()...)}
}

// queryText is the argument of a COM_QUERY.
func (c *packetClient) queryText(sql string) []byte {
	if c.raw.Caps().Has(wire.CapQueryAttributes) {
		sql = "\x00\x01" + sql
	}
	return []byte(sql)
}

// TestF9Kill: a session is killed by the id of its greeting and by that of
// CONNECTION_ID(), whether or not it has a connection to MySQL.
func TestF9Kill(t *testing.T) {
	fidelity(t, func(p *pair) {
		p.query(anyhow, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = CONNECTION_ID()", "KILL 4000000000", "KILL QUERY 4000000000", "KILL nobody", "KILL")
		for name, id := range map[string]func(c *packetClient) string{
			"greeting":        func(c *packetClient) string { return strconv.Itoa(int(c.raw.Greeting().ConnID)) },
			"CONNECTION_ID()": func(c *packetClient) string { return c.value("SELECT CONNECTION_ID()") },
		} {
			for _, kill := range []string{"KILL QUERY ", "KILL ", "/* c */ kill /**/ CONNECTION "} {
				victim := p.sessions(wire.CapDeprecateEOF)
				victim.query(anyhow, "SELECT COUNT(*) FROM plain")
				ids := map[*packetClient]string{p.directly: id(victim.directly), p.proxy: id(victim.proxy)}
				p.both(anyhow, kill+name, func(c *packetClient, _ func(string) string) [][]byte { return c.query(kill + ids[c]) })
				// An idle session's socket may be closed a moment later.
				if kill != "KILL QUERY " {
					for _, c := range []*packetClient{victim.directly, victim.proxy} {
						until(p.t, "the victim to be gone", func() bool { return !bytes.Equal(last(c.odd(wire.ComPing, nil, nil)), okPing) })
					}
					continue
				}
				victim.query(inserted, "INSERT INTO plain VALUES (31, 'alive')")
				victim.query(anyhow, "SELECT * FROM plain WHERE id = 31", "DELETE FROM plain WHERE id = 31")
			}
		}
		for _, kill := range []string{"KILL QUERY "} {
			victim := p.sessions(wire.CapDeprecateEOF)
			answers := make([]chan [][]byte, 2)
			for i, c := range []*packetClient{victim.directly, victim.proxy} {
				answers[i] = make(chan [][]byte, 1)
				go func() {
					answers[i] <- c.odd(wire.ComQuery, c.queryText("SELECT SLEEP(100) FROM pay WHERE id = 1 FOR UPDATE"), nil)
				}()
				until(p.t, "the victim to sleep", func() bool {
					return p.directly.value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP(100)%'") == strconv.Itoa(i+1)
				})
			}
			ids := map[*packetClient]uint32{p.directly: victim.directly.raw.Greeting().ConnID, p.proxy: victim.proxy.raw.Greeting().ConnID}
			p.both(anyhow, kill+"a sleeper", func(c *packetClient, _ func(string) string) [][]byte { return c.query(kill + fmt.Sprint(ids[c])) })
			if d := rawclient.Differing(<-answers[0], <-answers[1]); d != "" {
				p.t.Errorf("%s: what the sleeper got%s", kill, d)
			}
			p.query(updated, "UPDATE pay SET amount = amount + 1 WHERE id = 1")
		}
	})
}

// okPing is what an answer to a ping begins with.
var okPing = []byte{7, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0}

// last is the last packet, nil if there is none.
func last(packets [][]byte) []byte {
	if len(packets) == 0 {
		return nil
	}
	return packets[len(packets)-1]
}

// TestF9Idle: a session that its client leaves alone is ended after
// wait_timeout, whether or not it has a connection to MySQL; one that absorbs is
// not idle.
func TestF9Idle(t *testing.T) {
	fidelity(t, func(p *pair) {
		idle := p.sessions(wire.CapDeprecateEOF)
		idle.query(anyhow, "SET wait_timeout = 4", "SELECT 1")
		busy := p.sessions(wire.CapDeprecateEOF)
		busy.query(anyhow, "SET wait_timeout = 4", "SELECT 1")
		began := time.Now()
		for time.Since(began) < 9*time.Second {
			busy.query(updated, "UPDATE pay SET amount = amount + 1 WHERE id = 1")
			time.Sleep(250 * time.Millisecond)
		}
		busy.query(anyhow, "SELECT @@wait_timeout", "SELECT amount FROM pay WHERE id = 1")
		idle.both(anyhow, "after wait_timeout", func(c *packetClient, _ func(string) string) [][]byte {
			return c.odd(wire.ComQuery, c.queryText("SELECT 1"), nil)
		})
	})
}
