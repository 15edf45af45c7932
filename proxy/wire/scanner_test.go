package wire

import (
	"bytes"
	"testing"
)

// stream builds the packets of a response.
type stream struct {
	bytes.Buffer
	w    *Writer
	caps Capability
}

func newStream(caps Capability) *stream {
	s := &stream{caps: caps}
	s.w = NewWriter(&s.Buffer)
	s.w.Begin(1)
	return s
}

func (s *stream) packet(p []byte) *stream {
	s.w.WritePacket(p)
	return s
}

func (s *stream) ok(status uint16) *stream {
	return s.packet(AppendOK(nil, s.caps, OK{Affected: 300, Status: status, Warnings: 2}))
}
func (s *stream) err() *stream {
	return s.packet(AppendERR(nil, &ErrPacket{Code: 1146, State: "42S02", Message: "no"}))
}
func (s *stream) eof(status uint16) *stream {
	return s.packet(AppendEOF(nil, s.caps, OK{Status: status, Warnings: 3}))
}

func (s *stream) defs(n int, status uint16) *stream {
	for range n {
		s.packet(AppendColumnDef(nil, s.caps, &ColumnDef{Name: "a"}))
	}
	if n > 0 && !s.caps.Has(CapDeprecateEOF) {
		s.eof(status)
	}
	return s
}

func (s *stream) rows(n int, size int, status uint16) *stream {
	s.packet([]byte{1}).defs(1, status&^StatusMoreResults)
	for range n {
		s.packet(AppendTextRow(nil, [][]byte{bytes.Repeat([]byte("r"), size)}))
	}
	return s.eof(status)
}

// prepared is the answer to a PREPARE.
func (s *stream) prepared(columns, params byte) *stream {
	return s.packet([]byte{0, 7, 0, 0, 0, columns, 0, params, 0, 0, 1, 0}).defs(int(params), 0).defs(int(columns), 0)
}

// responses are answers of every shape, with the command they answer.
func responses(caps Capability) map[string]struct {
	cmd byte
	s   *stream
} {
	type r = struct {
		cmd byte
		s   *stream
	}
	n := func() *stream { return newStream(caps) }
	return map[string]r{
		"ok": {ComQuery, n().ok(2)}, "err": {ComQuery, n().err()}, "rows": {ComQuery, n().rows(3, 10, 2)}, "no rows": {ComQuery, n().rows(0, 0, 2)},
		"several": {ComQuery, n().rows(1, 1, 2|StatusMoreResults).ok(2|StatusMoreResults).rows(2, 300, 2)}, "several, then error": {ComQuery, n().ok(StatusMoreResults).err()},
		"error in rows": {ComQuery, n().packet([]byte{1}).defs(1, 2).packet([]byte("\x01x")).err()}, "large rows": {ComQuery, n().rows(2, MaxPayload-4, 2)},
		"very large": {ComQuery, n().rows(2, 2*MaxPayload+9, 2)}, "prepare": {ComStmtPrepare, n().prepared(2, 3)}, "prepare without": {ComStmtPrepare, n().prepared(0, 0)},
		"prepare parameters": {ComStmtPrepare, n().prepared(0, 2)}, "prepare columns": {ComStmtPrepare, n().prepared(2, 0)}, "prepare error": {ComStmtPrepare, n().err()},
		"statistics": {ComStatistics, n().packet([]byte("Uptime"))}, "fields": {ComFieldList, n().packet([]byte("\x03def")).packet([]byte("\x03def")).eof(2)},
		"fetch": {ComStmtFetch, n().packet([]byte{0, 0, 1}).packet([]byte{0, 0, 2}).eof(StatusCursorExists)}, "fetch error": {ComStmtFetch, n().err()},
		"option": {ComSetOption, n().eof(2)}, "binlog": {ComBinlogDump, n().packet([]byte("\x00event")).packet([]byte("\x00event")).err()},
		"cursor": {ComStmtExecute, cursorOpened(n())}, "out parameters": {ComStmtExecute, n().packet([]byte{1}).defs(1, StatusPSOutParams|StatusMoreResults|2).packet([]byte{0, 0, 1}).eof(2 | outMore(caps)).ok(2)},
	}
}

// cursorOpened is the answer to an execution that opens a cursor.
func cursorOpened(s *stream) *stream {
	s.packet([]byte{1}).defs(1, 2|StatusCursorExists)
	if s.caps.Has(CapDeprecateEOF) {
		s.eof(2 | StatusCursorExists)
	}
	return s
}

// outMore is the flag that MySQL sends after OUT parameters only with
// DEPRECATE_EOF.
func outMore(caps Capability) uint16 {
	if caps.Has(CapDeprecateEOF) {
		return StatusMoreResults
	}
	return 0
}

// TestScanner finds the end of every response, in pieces of any size, and not
// a byte earlier or later.
func TestScanner(t *testing.T) {
	for _, caps := range []Capability{CapProtocol41, CapProtocol41 | CapDeprecateEOF, CapProtocol41 | CapDeprecateEOF | CapSessionTrack} {
		for name, r := range responses(caps) {
			if err := r.s.w.Flush(); err != nil {
				t.Fatal(err)
			}
			all := append(r.s.Bytes(), "\x07\x00\x00\x01next command's"...)
			want := r.s.Len()
			for _, step := range []int{1, 2, 3, 5, 7, 1000, 65536, len(all)} {
				if len(all) > 1<<20 && step < 1000 {
					continue
				}
				if got := scanAll(t, name, r.cmd, caps, all, step); got != want {
					t.Errorf("%s in steps of %d: ends at %d, want %d", name, step, got, want)
				}
			}
		}
	}
}

// scanAll feeds a scanner step more bytes at a time, and returns where it said
// Done.
func scanAll(t *testing.T, name string, cmd byte, caps Capability, all []byte, step int) int {
	t.Helper()
	var s Scanner
	s.Reset(cmd, caps)
	at, have := 0, 0
	for {
		have = min(max(have+step, at+s.Need()), len(all))
		n, ev, err := s.Scan(all[at:have])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		at += n
		if ev == Done {
			return at
		}
		if have == len(all) {
			t.Fatalf("%s: no end", name)
		}
	}
}

// TestScannerResponse checks what is noted of the last result.
func TestScannerResponse(t *testing.T) {
	for _, caps := range []Capability{CapProtocol41, CapProtocol41 | CapDeprecateEOF} {
		scan := func(cmd byte, s *stream) Response {
			s.w.Flush()
			var sc Scanner
			sc.Reset(cmd, caps)
			if _, ev, err := sc.Scan(s.Bytes()); ev != Done || err != nil {
				t.Fatal(ev, err)
			}
			return sc.Response
		}
		if r := scan(ComQuery, newStream(caps).ok(2)); r.Affected != 300 || r.Warnings != 2 || r.Status != 2 || !r.HasStatus || r.Rows {
			t.Errorf("%+v", r)
		}
		if r := scan(ComQuery, newStream(caps).rows(1, 1, 3)); r.Warnings != 3 || r.Status != 3 || !r.Rows || r.Err != nil {
			t.Errorf("%+v", r)
		}
		if r := scan(ComQuery, newStream(caps).ok(StatusMoreResults).err()); r.Err == nil || r.Err.Code != 1146 || r.Err.State != "42S02" || r.Err.Message != "no" || r.HasStatus {
			t.Errorf("%+v", r)
		}
	}
}

// TestScannerFile stops where the server asks for a file.
func TestScannerFile(t *testing.T) {
	s := newStream(CapProtocol41).packet([]byte("\xfbname"))
	s.w.Flush()
	var sc Scanner
	sc.Reset(ComQuery, s.caps)
	if n, ev, err := sc.Scan(s.Bytes()); n != s.Len() || ev != SendFile || err != nil {
		t.Fatal(n, ev, err)
	}
	after := newStream(s.caps).ok(2)
	after.w.Flush()
	if n, ev, err := sc.Scan(after.Bytes()); n != after.Len() || ev != Done || err != nil {
		t.Fatal(n, ev, err)
	}
}

// FuzzScanner gives it anything: it must not panic, take more than it was
// given, or say that it needs nothing.
func FuzzScanner(f *testing.F) {
	for _, r := range responses(CapProtocol41) {
		if r.s.w.Flush(); r.s.Len() < 1<<16 {
			f.Add(r.cmd, r.s.Bytes(), uint16(5), false)
		}
	}
	f.Fuzz(func(t *testing.T, cmd byte, p []byte, cut uint16, dep bool) {
		caps := CapProtocol41
		if dep {
			caps |= CapDeprecateEOF
		}
		s := Scanner{Set: 1}
		s.Reset(cmd, caps)
		for _, part := range [][]byte{p[:min(int(cut), len(p))], p[min(int(cut), len(p)):]} {
			n, ev, err := s.Scan(part)
			if n < 0 || n > len(part) || s.Need() < 1 {
				t.Fatal(n, s.Need())
			}
			if ev == Done || err != nil {
				return
			}
		}
	})
}
