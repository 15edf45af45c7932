package proxy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// FuzzCommands sends any commands after a login, pipelined and cut anywhere:
// the session ends or answers, the process lives, and others are served.
func FuzzCommands(f *testing.F) {
	packet := func(seq byte, p ...byte) []byte { return append([]byte{byte(len(p)), byte(len(p) >> 8), 0, seq}, p...) }
	execute := binary.LittleEndian.AppendUint32([]byte{wire.ComStmtExecute}, 1)
	execute = append(execute, 0, 1, 0, 0, 0, 0, 1, wire.TypeString, 0, 1, 'x')
	prepare := packet(0, append([]byte{wire.ComStmtPrepare}, "ok ?"...)...)
	long := packet(0, append(binary.LittleEndian.AppendUint32([]byte{wire.ComStmtLongData}, 1), 0, 0, 'a', 'b')...)
	for _, p := range [][]byte{
		packet(0, append([]byte{wire.ComQuery}, "row 1"...)...), packet(0, append([]byte{wire.ComQuery}, "rows 3"...)...),
		bytes.Join([][]byte{prepare, long, packet(0, execute...), packet(0, wire.ComStmtFetch, 1, 0, 0, 0, 1, 0, 0, 0), packet(0, wire.ComStmtReset, 1, 0, 0, 0), packet(0, wire.ComStmtClose, 1, 0, 0, 0)}, nil),
		bytes.Join([][]byte{packet(0, wire.ComPing), packet(0, wire.ComStatistics), packet(0, wire.ComResetConnection), packet(0, wire.ComSetOption, 0, 0)}, nil),
		packet(0, append([]byte{wire.ComChangeUser}, "app\x00\x14aaaaaaaaaaaaaaaaaaaad\x00-\x00mysql_native_password\x00"...)...),
		packet(0, append([]byte{wire.ComQuery}, "kill 1073741825"...)...), packet(0, wire.ComProcessKill, 1, 0, 0, 0x40), packet(0), packet(7, wire.ComPing),
		packet(0, wire.ComStmtBulkExecute), packet(0, append([]byte{wire.ComInitDB}, "nope"...)...), {0xff, 0xff, 0xff, 0}, packet(0, append([]byte{wire.ComQuery}, "die"...)...),
	} {
		f.Add(p, false)
		f.Add(p, true)
	}
	fake := func() (*Server, *Server) {
		s, _ := startOnFake(f, mariaVersion, Config{})
		r, _ := startOnFake(f, mysqlVersion, Config{NewRouter: func(*Conn) Router { return &stateless{} }})
		return s, r
	}
	plain, routed := fake()
	n := 0
	f.Fuzz(func(t *testing.T, commands []byte, route bool) {
		if len(commands) > 1<<16 || bytes.Contains(commands, []byte("wait")) {
			return // the fake would wait, as asked
		}
		s := plain
		if route {
			s = routed
		}
		c := dialApp(t, s)
		c.nc.SetDeadline(time.Now().Add(20 * time.Second))
		go func() {
			c.nc.Write(commands)
			c.nc.(*net.TCPConn).CloseWrite()
		}()
		b := make([]byte, 4096)
		for {
			if _, err := c.nc.Read(b); err != nil {
				if ne, ok := err.(net.Error); ok && ne.Timeout() {
					t.Errorf("no end after %q", commands)
				}
				break
			}
		}
		if n++; n%50 == 0 {
			dialApp(t, s).ok("ok")
		}
	})
}

// FuzzKill: what is taken for a KILL with a number is one word, then known
// words, then that number, and nothing else; it is what the server would do.
func FuzzKill(f *testing.F) {
	for _, s := range []string{"kill 5", "KILL HARD QUERY 7;", " kill connection 1", "kill soft 99999999999", "kill query id 4", "kill/**/5", "killer 5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		k, ok := parseKill([]byte(sql))
		if !ok {
			return
		}
		words := strings.Fields(strings.ToLower(strings.TrimRight(sql, " \t\r\n;")))
		if strings.ContainsAny(sql, "*#-") { // comments are left out
			words = append(strings.Fields(strings.ToLower(k.prefix)), fmt.Sprint(k.id))
		}
		if words[0] != "kill" || k.query != (len(words) > 2 && words[len(words)-2] == "query") {
			t.Errorf("%q was read as %+v", sql, k)
		}
		if again, ok := parseKill([]byte(k.prefix + "7")); !ok || again.query != k.query || again.id != 7 {
			t.Errorf("%q: its beginning %q with another number is %+v, %v", sql, k.prefix, again, ok)
		}
	})
}

// FuzzTemporaryDefinition: a definition as the server prints it gives one for
// a temporary table whose elements are whole, whatever is in its names and
// strings; anything else is refused, and nothing makes a statement that names
// a table without TEMPORARY.
func FuzzTemporaryDefinition(f *testing.F) {
	f.Add("CREATE TABLE `t` (\n  `a` int(11) DEFAULT NULL,\n  FULLTEXT KEY `f` (`a`),\n  CONSTRAINT `x` FOREIGN KEY (`a`) REFERENCES `b` (`c`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4", "n`,)", "it's, ) \\")
	f.Add("CREATE TABLE `t` (", "", "")
	f.Add("CREATE TABLE `t` (`a` int) ROW_FORMAT=DYNAMIC COMMENT=' DEFAULT CHARSET=latin1'", "(", "\\")
	name := schema.Name{DB: "d", Table: "t"}
	f.Fuzz(func(t *testing.T, create, column, comment string) {
		if out, err := temporaryDefinition(name, create); err == nil && !strings.HasPrefix(out, "CREATE TEMPORARY TABLE `d`.`t` (") {
			t.Errorf("%q gave %q", create, out)
		}
		literal := strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(comment)
		kept := "\n  " + sink.QuoteName(column) + " int NOT NULL COMMENT '" + literal + "'"
		whole := "CREATE TABLE `t` (" + kept + ",\n  FULLTEXT KEY `f` (" + sink.QuoteName(column) + ")\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='" + literal + "'"
		if out, err := temporaryDefinition(name, whole); err != nil || out != "CREATE TEMPORARY TABLE `d`.`t` ("+kept+") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4" {
			t.Errorf("%q gave %q, %v", whole, out, err)
		}
	})
}

// FuzzAdminArguments: the arguments of a CALL are texts and numbers, and what
// was taken for an argument stands in the list.
func FuzzAdminArguments(f *testing.F) {
	for _, s := range []string{"'a', 1", `"b"`, "1 2", "", ",", "'a'b'", "-1e5,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		args, err := parseArgs(list)
		for _, a := range args {
			if err == nil && (!strings.Contains(list, a) || strings.Contains(a, `\`)) {
				t.Errorf("%q holds %q", list, a)
			}
		}
	})
}
