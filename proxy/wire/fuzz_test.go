package wire

import (
	"bytes"
	"reflect"
	"runtime/metrics"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// allocated is how many bytes of heap a call takes; small ones are counted
// late, large ones at once.
func allocated(f func()) uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	f()
	metrics.Read(sample)
	return sample[0].Value.Uint64() - before
}

// justified fails if a parser takes more memory than its input can be worth: a
// length in a packet is a promise, not a size.
func justified(t *testing.T, name string, input, each int, f func()) {
	t.Helper()
	if n := allocated(f); n > uint64(1<<20+each*input) {
		t.Errorf("%s took %d bytes of memory for %d bytes of input", name, n, input)
	}
}

// FuzzLengthEncoded: what is written is read back, whatever follows; what can
// be read at all is not longer than its bytes.
func FuzzLengthEncoded(f *testing.F) {
	for _, n := range []uint64{0, 250, 251, 252, 1<<16 - 1, 1 << 16, 1<<24 - 1, 1 << 24, 1<<64 - 1} {
		f.Add(n, []byte("abc"), []byte{0xfe, 1})
	}
	f.Add(uint64(1), bytes.Repeat([]byte("x"), 300), []byte("\xfe\xff\xff\xff\xff\xff\xff\xff\x7fabc"))
	f.Fuzz(func(t *testing.T, n uint64, s, rest []byte) {
		c := cursor{p: append(AppendString(AppendInt(nil, n), s), rest...)}
		if got := c.int(); got != n {
			t.Errorf("%d was read as %d", n, got)
		}
		if got := c.str(); !bytes.Equal(got, s) {
			t.Errorf("%q was read as %q", s, got)
		}
		if !bytes.Equal(c.rest(), rest) || c.bad {
			t.Errorf("behind them: %q, bad is %v", c.p, c.bad)
		}
		justified(t, "a string", len(rest), 1, func() {
			c := cursor{p: rest}
			if got := c.str(); !c.bad && len(got)+len(c.p) >= len(rest) {
				t.Errorf("%q holds a string of %d bytes and %d more", rest, len(got), len(c.p))
			}
		})
	})
}

// changeUser writes what ParseChangeUser reads.
func changeUser(l *Login) []byte {
	p := append(append([]byte{ComChangeUser}, l.User...), 0, byte(len(l.Auth)))
	p = append(append(append(p, l.Auth...), l.DB...), 0, byte(l.Collation), byte(l.Collation>>8))
	if l.Caps.Has(CapPluginAuth) {
		p = append(append(p, l.Plugin...), 0)
	}
	if l.Caps.Has(CapConnectAttrs) {
		p = AppendString(p, l.Attrs)
	}
	return p
}

// same compares logins; no bytes and none at all are alike.
func same(a, b *Login) bool {
	x, y := *a, *b
	same := bytes.Equal(x.Auth, y.Auth) && bytes.Equal(x.Attrs, y.Attrs)
	x.Auth, x.Attrs, y.Auth, y.Attrs = nil, nil, nil, nil
	x.Caps, y.Caps = x.Caps&^CapConnectWithDB, y.Caps&^CapConnectWithDB
	return same && reflect.DeepEqual(x, y)
}

// FuzzLogin: what was read of a login, or of a change of the user, is written
// and read again as the same.
func FuzzLogin(f *testing.F) {
	for _, caps := range []Capability{Forwardable, CapProtocol41 | CapSecureConnection, Forwardable &^ CapLongPassword} {
		l := &Login{Caps: caps, MaxPacket: 1 << 24, Collation: 45, User: "u", Auth: make([]byte, 20), DB: "d", Plugin: PluginNative, Attrs: []byte("\x01a\x01b")}
		f.Add(AppendLogin(nil, l), uint64(caps))
		f.Add(changeUser(l), uint64(caps))
		f.Add(AppendSSLRequest(nil, l), uint64(caps))
	}
	f.Fuzz(func(t *testing.T, p []byte, caps uint64) {
		var l, changed *Login
		var ssl bool
		var err, changeErr error
		justified(t, "a login", len(p), 4, func() {
			l, ssl, err = ParseLogin(p)
			changed, changeErr = ParseChangeUser(p, Capability(caps))
		})
		if err == nil && ssl != (len(p) == sslRequestSize) {
			t.Errorf("%d bytes are a request for TLS: %v", len(p), ssl)
		}
		if err == nil && !ssl {
			again, _, err := ParseLogin(AppendLogin(nil, l))
			if err != nil || !same(l, again) {
				t.Errorf("%+v came back as %+v, %v", l, again, err)
			}
		}
		if changeErr == nil {
			again, err := ParseChangeUser(changeUser(changed), changed.Caps)
			if err != nil || !same(changed, again) {
				t.Errorf("%+v came back as %+v, %v", changed, again, err)
			}
		}
	})
}

// FuzzAnswers: OK, EOF and ERR packets, definitions, greetings and rows are
// written and read again as the same.
func FuzzAnswers(f *testing.F) {
	for _, caps := range []Capability{CapProtocol41, Forwardable} {
		f.Add(AppendOK(nil, caps, OK{Affected: 300, Info: []byte("i"), Status: StatusSessionChanged, Changes: []byte("c")}), uint64(caps), uint8(1))
		f.Add(AppendERR(nil, &ErrPacket{Code: 1062, State: "23000", Message: "m"}), uint64(caps), uint8(1))
		f.Add(AppendColumnDef(nil, caps, &ColumnDef{Name: "n", Table: "t", Extended: []byte("x"), Type: TypeBlob}), uint64(caps), uint8(1))
		f.Add(AppendTextRow(nil, [][]byte{nil, {}, []byte("abc")}), uint64(caps), uint8(3))
		f.Add(AppendGreeting(nil, &Greeting{Version: "8.4.2", Salt: NewSalt(), Caps: caps | CapSecureConnection, Plugin: PluginNative}), uint64(caps), uint8(1))
	}
	f.Fuzz(func(t *testing.T, p []byte, bits uint64, columns uint8) {
		caps := Capability(bits)
		if ok, err := ParseOK(p, caps); err == nil {
			if again, err := ParseOK(AppendOK(nil, caps, ok), caps); err != nil || ok.Affected != again.Affected || ok.InsertID != again.InsertID ||
				ok.Status != again.Status || ok.Warnings != again.Warnings || !bytes.Equal(ok.Info, again.Info) || !bytes.Equal(ok.Changes, again.Changes) {
				t.Errorf("%+v came back as %+v, %v", ok, again, err)
			}
		}
		if e, err := ParseERR(p); err == nil && len(e.State) != 0 {
			if again, err := ParseERR(AppendERR(nil, e)); err != nil || *again != *e && !bytes.ContainsFunc([]byte(e.State), func(r rune) bool { return r > 127 || r < 32 }) {
				t.Errorf("%+v came back as %+v, %v", e, again, err)
			}
		}
		if d, err := ParseColumnDef(p, caps); err == nil {
			if again, err := ParseColumnDef(AppendColumnDef(nil, caps, &d), caps); err != nil || !bytes.Equal(again.Extended, d.Extended) || !bytes.Equal(again.Default, d.Default) || again.Name != d.Name || again.Flags != d.Flags || again.Length != d.Length {
				t.Errorf("%+v came back as %+v, %v", d, again, err)
			}
		}
		if g, err := ParseGreeting(p); err == nil {
			if again, err := ParseGreeting(AppendGreeting(nil, g)); err != nil || again.Version != g.Version || !bytes.Equal(again.Salt, g.Salt) || again.Plugin != g.Plugin {
				t.Errorf("%+v came back as %+v, %v", g, again, err)
			}
		}
		justified(t, "a row", len(p), 64, func() {
			values, err := ParseTextRow(nil, p, int(columns))
			if err != nil {
				return
			}
			again, err := ParseTextRow(nil, AppendTextRow(nil, values), int(columns))
			if err != nil || !reflect.DeepEqual(values, again) {
				t.Errorf("%q came back as %q, %v", values, again, err)
			}
		})
	})
}

// FuzzExecute: parameters that were read are written in the binary protocol
// and read again as the same, and none of them promises more than is there.
func FuzzExecute(f *testing.F) {
	for _, p := range params {
		f.Add(execution(append([]byte{0, 1, p.typ, p.unsigned}, p.wire...)...), uint8(1), false)
	}
	f.Add(execution(2, 0, 1, TypeTiny, 0, 1, 'n', TypeString, 0, 0, 5, 1, 'z'), uint8(1), true)
	f.Add(execution(0xfe, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0), uint8(1), true)
	f.Fuzz(func(t *testing.T, p []byte, n uint8, attributes bool) {
		caps := CapProtocol41
		if attributes {
			caps |= CapQueryAttributes
		}
		var ex Execute
		var err error
		justified(t, "an execution", len(p), 64, func() { ex, err = ParseExecute(p, int(n), nil, nil, caps) })
		justified(t, "a query", len(p), 64, func() { ParseQuery(p, CapQueryAttributes) })
		if err != nil || n == 0 {
			return
		}
		again := execution()
		nulls := make([]byte, (int(n)+7)/8)
		var values []byte
		for i, v := range ex.Params {
			if v.Kind == row.KindNull {
				nulls[i/8] |= 1 << (i % 8)
				continue
			}
			d := ColumnDef{Type: ex.Types[2*i]}
			if ex.Types[2*i+1]&unsignedParam != 0 {
				d.Flags = FlagUnsigned
			} else if d.Type == TypeYear {
				d.Type = TypeShort
			}
			if values, err = appendBinary(values, &d, v.Text); err != nil {
				t.Fatalf("type %d: %q cannot be written: %v", d.Type, v.Text, err)
			}
		}
		again = append(append(append(append(again, nulls...), 1), ex.Types[:2*int(n)]...), values...)
		ex2, err := ParseExecute(again, int(n), nil, nil, 0)
		if err != nil {
			t.Fatalf("written again: %v", err)
		}
		for i, v := range ex.Params {
			w := ex2.Params[i]
			temporal := v.Kind == row.KindDatetime || v.Kind == row.KindTime
			if v.Kind != w.Kind || !bytes.Equal(v.Text, w.Text) && !(temporal && sameMoment(v.Text, w.Text)) {
				t.Errorf("parameter %d of type %d: %q came back as %q", i, ex.Types[2*i], v.Text, w.Text)
			}
		}
	})
}

// sameMoment forgives a fraction of zero, which is not written, and the sign of
// no time at all.
func sameMoment(a, b []byte) bool {
	cut := func(x []byte) string {
		x = bytes.TrimSuffix(x, []byte(".000000"))
		return string(bytes.TrimPrefix(x, []byte("-")))
	}
	return cut(a) == cut(b) && (bytes.Equal(a[:1], b[:1]) || len(bytes.Trim(a, "-0:.")) == 0)
}

// FuzzScannerPieces: where a response ends does not depend on the pieces in
// which it arrives.
func FuzzScannerPieces(f *testing.F) {
	for _, r := range responses(CapProtocol41 | CapDeprecateEOF) {
		if r.s.w.Flush(); r.s.Len() < 1<<16 {
			f.Add(r.cmd, r.s.Bytes(), uint16(5), true)
		}
	}
	f.Fuzz(func(t *testing.T, cmd byte, p []byte, step uint16, dep bool) {
		caps := CapProtocol41
		if dep {
			caps |= CapDeprecateEOF
		}
		whole := Scanner{Set: StatusInTransaction}
		whole.Reset(cmd, caps)
		one := bytes.Clone(p)
		n, ev, err := whole.Scan(one)
		pieces := Scanner{Set: StatusInTransaction}
		pieces.Reset(cmd, caps)
		many, at, have := bytes.Clone(p), 0, 0
		var ev2 Event
		var err2 error
		for have < len(many) && ev2 == More && err2 == nil {
			have = min(max(have+int(step%64)+1, at+pieces.Need()), len(many))
			var m int
			m, ev2, err2 = pieces.Scan(many[at:have])
			at += m
		}
		if len(p) > 0 && (at != n || ev2 != ev || (err == nil) != (err2 == nil) || !reflect.DeepEqual(whole.Response, pieces.Response)) {
			t.Errorf("whole: %d %d %v %+v; in pieces: %d %d %v %+v", n, ev, err, whole.Response, at, ev2, err2, pieces.Response)
		}
		if err == nil && !bytes.Equal(one, many) {
			t.Errorf("the flags were changed differently")
		}
	})
}
