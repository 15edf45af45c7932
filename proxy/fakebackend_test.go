package proxy

import (
	"bytes"
	"encoding/binary"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// fakeBackend is a small server for tests without a real one. It lets
// everybody in, and answers:
//
//	ok, or anything else      an OK packet
//	row <text>                a row of one column
//	big <n>                   a row of one column of n bytes
//	rows <n>                  n rows
//	id                        a row: its connection id
//	wait                      nothing until release is closed, then an OK
//	die                       closes the connection
//	fail                      error 1146
//
// and prepared statements with as many parameters as there are question
// marks, whose execution answers with a row: what the statement received.
type fakeBackend struct {
	addr    string
	version string
	plugin  string
	release chan struct{}

	mu      sync.Mutex
	logins  []*wire.Login
	conns   []net.Conn
	queries []string
	door    *wire.ErrPacket // what newcomers get instead of the greeting; without a code, nothing
}

// startFake runs a fake backend until the test ends.
func startFake(tb testing.TB, version string) *fakeBackend {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	f := &fakeBackend{addr: l.Addr().String(), version: version, plugin: wire.PluginNative, release: make(chan struct{})}
	if version == mysqlVersion {
		f.plugin = wire.PluginCachingSHA2
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns = append(f.conns, nc)
			id := uint32(len(f.conns))
			f.mu.Unlock()
			wg.Go(func() {
				defer nc.Close()
				(&fakeSession{f: f, nc: nc, r: wire.NewReader(nc, 1024), w: wire.NewWriter(nc), id: id, stmts: map[uint32]*fakeStmt{}}).serve()
			})
		}
	})
	tb.Cleanup(func() {
		l.Close()
		f.closeAll()
		wg.Wait()
	})
	return f
}

// shut sets what newcomers get instead of the greeting; nil lets them in.
func (f *fakeBackend) shut(door *wire.ErrPacket) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.door = door
}

// closeAll breaks all connections.
func (f *fakeBackend) closeAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, nc := range f.conns {
		nc.Close()
	}
}

// seen lists the statements received so far.
func (f *fakeBackend) seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.queries...)
}

// loginCount is how many connections logged in.
func (f *fakeBackend) loginCount() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.logins)
}

// lastLogin is the login of the newest connection.
func (f *fakeBackend) lastLogin() *wire.Login {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.logins[len(f.logins)-1]
}

// fakeStmt is a prepared statement at the fake.
type fakeStmt struct {
	params int
	types  []byte
	long   map[uint16]string
}

// fakeSession is a connection to it.
type fakeSession struct {
	f     *fakeBackend
	nc    net.Conn
	r     *wire.Reader
	w     *wire.Writer
	id    uint32
	caps  wire.Capability
	stmts map[uint32]*fakeStmt
	next  uint32
}

// serve runs one connection.
func (s *fakeSession) serve() {
	s.f.mu.Lock()
	door := s.f.door
	s.f.mu.Unlock()
	if door != nil {
		if door.Code == 0 {
			_, _ = s.r.ReadFrame() // nobody writes before the greeting: until it is closed
			return
		}
		s.fail(door.Code, door.State, door.Message)
		s.w.Flush()
		return
	}
	g := wire.Greeting{Version: s.f.version, ConnID: s.id, Salt: wire.NewSalt(), Caps: wire.Forwardable, Collation: 45, Status: wire.StatusAutocommit, Plugin: s.f.plugin}
	if s.w.WritePacket(wire.AppendGreeting(nil, &g)) != nil || s.w.Flush() != nil {
		return
	}
	s.r.Seq = 1
	frame, err := s.r.ReadFrame()
	if err != nil {
		return
	}
	l, _, err := wire.ParseLogin(frame[4:])
	if err != nil {
		return
	}
	s.caps = l.Caps
	s.f.mu.Lock()
	s.f.logins = append(s.f.logins, l)
	s.f.mu.Unlock()
	s.w.Begin(2)
	if l.DB == "nope" {
		s.fail(1049, "42000", "Unknown database 'nope'")
		s.w.Flush()
		return
	}
	s.ok(0)
	for s.w.Flush() == nil {
		s.r.Release()
		s.r.Seq = 0
		frame, err := s.r.ReadFrame()
		if err != nil || !s.command(frame[4:]) {
			return
		}
	}
}

// ok answers OK.
func (s *fakeSession) ok(affected uint64) {
	s.w.WritePacket(wire.AppendOK(nil, s.caps, wire.OK{Affected: affected, Status: wire.StatusAutocommit}))
}

// fail answers an error.
func (s *fakeSession) fail(code uint16, state, text string) {
	s.w.WritePacket(wire.AppendERR(nil, &wire.ErrPacket{Code: code, State: state, Message: text}))
}

// rows answers n rows of one column.
func (s *fakeSession) rows(n int, payload []byte) {
	s.w.WritePacket([]byte{1})
	s.w.WritePacket(wire.AppendColumnDef(nil, s.caps, &wire.ColumnDef{Name: "c", Type: wire.TypeVarString, Charset: 45}))
	end := wire.AppendEOF(nil, s.caps, wire.OK{Status: wire.StatusAutocommit})
	if !s.caps.Has(wire.CapDeprecateEOF) {
		s.w.WritePacket(end)
	}
	for range n {
		if s.w.WritePacket(payload) != nil {
			return
		}
	}
	s.w.WritePacket(end)
}

// command answers one command; false closes the connection.
func (s *fakeSession) command(p []byte) bool {
	s.w.Begin(s.r.Seq)
	if len(p) == 0 {
		s.fail(1047, "08S01", "Unknown command")
		return true
	}
	switch p[0] {
	case wire.ComQuit:
		return false
	case wire.ComQuery:
		return s.query(string(p[1:]))
	case wire.ComStmtPrepare:
		s.next++
		st := &fakeStmt{params: bytes.Count(p, []byte("?")), long: map[uint16]string{}}
		s.stmts[s.next+s.id*1000] = st
		head := binary.LittleEndian.AppendUint32([]byte{0}, s.next+s.id*1000)
		s.w.WritePacket(append(head, 0, 0, byte(st.params), 0, 0, 0, 0))
		for range st.params {
			s.w.WritePacket(wire.AppendColumnDef(nil, s.caps, &wire.ColumnDef{Name: "?"}))
		}
		if st.params > 0 && !s.caps.Has(wire.CapDeprecateEOF) {
			s.w.WritePacket(wire.AppendEOF(nil, s.caps, wire.OK{}))
		}
	case wire.ComStmtLongData:
		id, _ := wire.StatementID(p)
		if param, data, err := wire.ParseLongData(p); err == nil && s.stmts[id] != nil {
			s.stmts[id].long[param] += string(data)
		}
	case wire.ComStmtExecute:
		s.execute(p)
	case wire.ComInitDB:
		if string(p[1:]) == "nope" {
			s.fail(1049, "42000", "Unknown database 'nope'")
			return true
		}
		s.ok(0)
	case wire.ComStmtClose:
	case wire.ComStatistics:
		s.w.WritePacket([]byte("Uptime: 1"))
	default:
		s.ok(0)
	}
	return true
}

// execute answers with the parameters received.
func (s *fakeSession) execute(p []byte) {
	id, _ := wire.StatementID(p)
	st := s.stmts[id]
	if st == nil {
		s.fail(1243, "HY000", "unknown to the fake: "+strconv.Itoa(int(id)))
		return
	}
	long := make([][]byte, st.params)
	for i, data := range st.long {
		long[i] = []byte(data)
	}
	st.long = map[uint16]string{}
	ex, err := wire.ParseExecute(p, st.params, st.types, long, s.caps)
	if err != nil {
		s.fail(1210, "HY000", "Incorrect arguments to mysqld_stmt_execute")
		return
	}
	if ex.Types != nil {
		st.types = bytes.Clone(ex.Types)
	}
	var parts []string
	for _, v := range ex.Params {
		parts = append(parts, string(v.Text))
	}
	s.rows(1, wire.AppendString([]byte{0, 0}, strings.Join(parts, "|")))
}

// query answers a COM_QUERY.
func (s *fakeSession) query(sql string) bool {
	s.f.mu.Lock()
	s.f.queries = append(s.f.queries, sql[:min(len(sql), 100)])
	s.f.mu.Unlock()
	word, arg, _ := strings.Cut(sql, " ")
	n, _ := strconv.Atoi(arg)
	switch word {
	case "row":
		s.rows(1, wire.AppendString(nil, arg))
	case "big":
		s.rows(1, wire.AppendString(nil, strings.Repeat("x", n)))
	case "rows":
		s.rows(n, wire.AppendString(nil, "0123456789"))
	case "id":
		s.rows(1, wire.AppendString(nil, strconv.Itoa(int(s.id))))
	case "wait":
		<-s.f.release
		s.ok(0)
	case "die":
		return false
	case "fail":
		s.fail(1146, "42S02", "Table 't.x' doesn't exist")
	default:
		s.ok(uint64(len(sql)))
	}
	return true
}
