package wal

import (
	"bytes"
	"context"
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// FuzzParseClaim: a claim that was written is read, whatever the owner's key.
func FuzzParseClaim(f *testing.F) {
	f.Add(version8(7)+"key", "key")
	f.Add("short", "")
	f.Fuzz(func(t *testing.T, v, owner string) {
		if c, err := parseClaim(v); err == nil && (!c.Held || v[8:] != string(c.Owner)) {
			t.Errorf("%q was read as %+v", v, c)
		}
		if c, err := parseClaim(version8(1) + owner); err != nil || string(c.Owner) != owner {
			t.Errorf("a claim of %q was read as %+v, %v", owner, c, err)
		}
		if n, err := leaseVersion(v); err == nil && n < filledFrom {
			t.Errorf("the token %q gives version %d, which a commit could give", v, n)
		}
	})
}

// FuzzKeys: no two names share a key, and none reaches out of its lane's slot.
func FuzzKeys(f *testing.F) {
	f.Add("db.a", "db:a", "k", "k")
	f.Add("a%3A", "a:", "", "1:")
	f.Add("a}", "{a", "x", "y")
	f.Fuzz(func(t *testing.T, a, b, x, y string) {
		k := newLaneKeys("sa", "main")
		if a != b {
			for name, pair := range map[string][2]string{"table": {k.table(a), k.table(b)}, "dirty": {k.dirty(a), k.dirty(b)}, "gate": {k.gate(a), k.gate(b)},
				"auto": {k.auto(a), k.auto(b)}, "lane": {string(newLaneKeys("sa", row.Lane(a))), string(newLaneKeys("sa", row.Lane(b)))}} {
				if pair[0] == pair[1] {
					t.Errorf("%s: %q and %q share the key %q", name, a, b, pair[0])
				}
			}
		}
		if a != b || x != y {
			if p, q := k.row(RowKey{a, row.Key(x)}, 1), k.row(RowKey{b, row.Key(y)}, 1); p == q {
				t.Errorf("rows %q %q and %q %q share %q", a, x, b, y, p)
			}
			if p, q := k.claim(ClaimKey{a, "i", x}, 1), k.claim(ClaimKey{b, "i", y}, 1); p == q {
				t.Errorf("claims %q %q and %q %q share %q", a, x, b, y, p)
			}
			if p, q := k.claim(ClaimKey{"t", a, x}, 1), k.claim(ClaimKey{"t", b, y}, 1); p == q {
				t.Errorf("claims of indexes %q %q and %q %q share %q", a, x, b, y, p)
			}
		}
		if end := bytes.IndexByte([]byte(newLaneKeys("sa", row.Lane(a))), '}'); end < 0 || end != len(newLaneKeys("sa", row.Lane(a)))-2 {
			t.Errorf("the slot of lane %q is cut short in %q", a, newLaneKeys("sa", row.Lane(a)))
		}
	})
}

// liar is a connection to a Redis that answers every request with the same bytes.
type liar struct {
	net.Conn // nil: only what is below is called
	reply    []byte
	waiting  chan []byte
	rest     []byte
}

// Write asks.
func (l *liar) Write(b []byte) (int, error) {
	select {
	case l.waiting <- l.reply:
	default:
	}
	return len(b), nil
}

// Read gives the next bytes of an answer, and the end behind the last.
func (l *liar) Read(b []byte) (int, error) {
	if len(l.rest) == 0 {
		select {
		case l.rest = <-l.waiting:
		default:
			return 0, io.EOF
		}
	}
	n := copy(b, l.rest)
	if l.rest = l.rest[n:]; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Close ends it.
func (l *liar) Close() error                     { return nil }
func (l *liar) SetDeadline(time.Time) error      { return nil }
func (l *liar) SetReadDeadline(time.Time) error  { return nil }
func (l *liar) SetWriteDeadline(time.Time) error { return nil }
func (l *liar) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (l *liar) RemoteAddr() net.Addr             { return &net.TCPAddr{} }

// FuzzReplies: whatever Redis answers, or something that is not Redis, no call
// panics or hangs, and what Tail gives has no gap.
func FuzzReplies(f *testing.F) {
	inc := "0123456789abcdef"
	bulk := func(parts ...string) []byte {
		var b bytes.Buffer
		for _, p := range parts {
			b.WriteString("$" + strconv.Itoa(len(p)) + "\r\n" + p + "\r\n")
		}
		return b.Bytes()
	}
	for _, reply := range [][]byte{
		[]byte(":7\r\n"),
		[]byte(":-5\r\n"),
		[]byte("-NOSCRIPT no\r\n"),
		[]byte("-OOM command not allowed\r\n"),
		[]byte("$-1\r\n"),
		[]byte("_\r\n"),
		append([]byte("*2\r\n"), bulk(inc+":1:o", "x")...),
		append([]byte("*3\r\n"), bulk(inc+":1:o", "0", "0")...),
		append([]byte("*2\r\n"), bulk(inc, "5")...),
		append([]byte("*12\r\n"), bulk("incarnation", inc, "lsn", "5", "settled", "3", "relayed", "4", "flush", "0", "epoch", "1")...),
		append(append([]byte("*2\r\n"), bulk(inc, "5")...), "*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\nu\r\n$1\r\nx\r\n"...),
		[]byte("*-1\r\n"),
		[]byte("*2147483647\r\n"),
		[]byte("$2147483647\r\nabc"),
	} {
		for which := range uint8(13) {
			f.Add(reply, which)
		}
	}
	f.Fuzz(func(t *testing.T, reply []byte, which uint8) {
		rdb := redis.NewClient(&redis.Options{
			Dialer: func(context.Context, string, string) (net.Conn, error) {
				return &liar{reply: reply, waiting: make(chan []byte, 4)}, nil
			},
			MaxRetries: -1, Protocol: 2, DisableIdentity: true, ContextTimeoutEnabled: true,
		})
		defer rdb.Close()
		s := New(rdb, Options{})
		l := s.lane(main0)
		l.inc.Store(&inc)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		st := TableState{Incarnation: inc, Gen: 1, Gate: GateOpen}
		key := RowKey{"db.t", "k"}
		calls := []func(){
			func() { s.TableStates(ctx, main0, []string{"db.t"}) },
			func() { s.Progress(ctx, main0) },
			func() {
				recs, _ := s.Tail(ctx, main0, 0, 10, 0)
				for i, r := range recs {
					if r.LSN != row.LSN(i+1) {
						t.Errorf("record %d of the tail has LSN %d", i, r.LSN)
					}
				}
			},
			func() { s.Read(ctx, main0, st, []RowKey{key}, true) },
			func() { s.ReadClaims(ctx, main0, st, []ClaimKey{{"db.t", "i", "v"}}) },
			func() { s.Fill(ctx, main0, st, key, "0123456789abcdef", 1, []byte("x"), time.Second) },
			func() { s.Pending(ctx, main0, "db.t", 10) },
			func() { s.Newest(ctx, main0, []RowKey{key}) },
			func() { s.Load(ctx, main0) },
			func() { s.Remains(ctx, main0) },
			func() { s.Settle(ctx, main0, 1, 1, []SettleRow{{key, time.Second}}) },
			func() { s.Check(ctx) },
			func() { NewRegistry(rdb, Options{Prefix: "sa"}).Live(ctx) },
		}
		calls[int(which)%len(calls)]()
	})
}
