package audit

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// A cached row is 14 bytes of header, then the image: format, flags, schema
// version (4 bytes), version (8 bytes).
const (
	headerBytes = 14
	flagDirty   = 1
	flagTomb    = 2
)

// escaping of names in keys, and its inverse.
var (
	escaper   = strings.NewReplacer("%", "%25", ":", "%3A", "{", "%7B", "}", "%7D")
	unescaper = strings.NewReplacer("%3A", ":", "%7B", "{", "%7D", "}", "%25", "%")
)

// lane is where a lane's keys are.
type lane struct {
	name        row.Lane
	prefix      string // "sa:{lane}:"
	incarnation string
	node        redis.UniversalClient // the server that holds its slot
	pace        func(ctx context.Context) error
}

// prefixOf is the beginning of a lane's keys.
func prefixOf(name row.Lane) string { return "sa:{" + escaper.Replace(string(name)) + "}:" }

// table is a key of a table: kind is "t", "dirty", "auto" or "gate".
func (l *lane) table(kind, table string) string {
	return l.prefix + kind + ":" + escaper.Replace(table)
}

// row is a row's key.
func (l *lane) row(table string, gen uint64, key row.Key) string {
	return l.prefix + "row:" + escaper.Replace(table) + ":" + strconv.FormatUint(gen, 10) + ":" + string(key)
}

// nodeOf is the client of the server that holds a lane.
func (a *auditor) nodeOf(ctx context.Context, prefix string) (redis.UniversalClient, error) {
	if c, ok := a.Redis.(*redis.ClusterClient); ok {
		return c.MasterForKey(ctx, prefix+"meta")
	}
	return a.Redis, nil
}

// marks is a lane's meta hash.
type marks struct {
	incarnation                  string
	lsn, settled, relayed, epoch uint64
	start, lostAfter, lostTo     uint64
	sealed                       bool
	refused                      row.Refusals // records of the queue that are of units which Redis has lost
	owner                        string       // of the lane's lease, "" = nobody
}

// readMarks reads meta and owner.
func (l *lane) readMarks(ctx context.Context) (m marks, err error) {
	h, err := l.node.HGetAll(ctx, l.prefix+"meta").Result()
	if err != nil {
		return m, err
	}
	if m.owner, err = l.node.Get(ctx, l.prefix+"owner").Result(); err != nil && !errors.Is(err, redis.Nil) {
		return m, err
	}
	m.incarnation, m.sealed = h["incarnation"], h["sealed"] == "1"
	if m.refused, err = row.ParseRefusals(h["refused"]); err != nil {
		return m, fmt.Errorf("refused of the lane's meta: %w", err)
	}
	for field, to := range map[string]*uint64{"lsn": &m.lsn, "settled": &m.settled, "relayed": &m.relayed, "epoch": &m.epoch,
		"start": &m.start, "lost_after": &m.lostAfter, "lost_to": &m.lostTo} {
		if h[field] == "" {
			continue
		}
		if *to, err = strconv.ParseUint(h[field], 10, 64); err != nil {
			return m, fmt.Errorf("%s of the lane's meta: %w", field, err)
		}
	}
	return m, nil
}

// same reads the marks of the life that l was opened in.
func (l *lane) same(ctx context.Context) (marks, error) {
	m, err := l.readMarks(ctx)
	if err == nil && m.incarnation != l.incarnation {
		err = errMoved
	}
	return m, err
}

// openLane finds the lane; nil if Redis has never had it and MySQL neither.
func (a *auditor) openLane(ctx context.Context, name row.Lane) (*lane, error) {
	l := &lane{name: name, prefix: prefixOf(name), pace: a.limiter.Wait}
	var err error
	if l.node, err = a.nodeOf(ctx, l.prefix); err != nil {
		return nil, err
	}
	m, err := l.readMarks(ctx)
	if err != nil {
		return nil, err
	}
	if m.sealed {
		return nil, errors.New("the lane is being rebuilt after a loss: run the audit again when it is open")
	}
	if l.incarnation = m.incarnation; m.incarnation != "" {
		return l, nil
	}
	c, err := a.db.checkpoint(name)
	if err != nil {
		return nil, err
	}
	if c.lsn > 0 {
		a.report.Findings = append(a.report.Findings, Finding{Kind: "checkpoint_above_log", Lane: name, LSN: row.LSN(c.lsn), Detail: "Redis holds nothing of the lane"})
	} else {
		a.remark("lane %s has never been used", name)
	}
	return nil, nil
}

// state is a table's state.
type state struct {
	incarnation string
	gen         uint64
	gate        byte // 'o', 'c' or 's'; 0 if there is no state
}

// parseState reads "incarnation:generation:gate".
func parseState(text string) (s state, err error) {
	f := strings.Split(text, ":")
	if len(f) != 3 || len(f[2]) != 1 {
		return s, fmt.Errorf("table state %q is not incarnation:generation:gate", text)
	}
	s.incarnation, s.gate = f[0], f[2][0]
	s.gen, err = strconv.ParseUint(f[1], 10, 64)
	return s, err
}

// state reads a table's state.
func (l *lane) state(ctx context.Context, table string) (state, error) {
	text, err := l.node.Get(ctx, l.table("t", table)).Result()
	if errors.Is(err, redis.Nil) {
		return state{}, nil
	}
	if err != nil {
		return state{}, err
	}
	return parseState(text)
}

// usable reports whether the state is one of this life whose cache is in use.
func (s state) usable(l *lane) bool { return s.gate != 0 && s.incarnation == l.incarnation }

// cached is a row of the cache.
type cached struct {
	there, dirty, tomb bool
	schema             uint32
	version            row.LSN
	data               []byte // encoded image
	err                error
}

// parseRow reads a cached row.
func parseRow(v string) cached {
	if len(v) < headerBytes {
		return cached{there: true, err: fmt.Errorf("%d bytes have no header", len(v))}
	}
	b := []byte(v)
	c := cached{there: true, dirty: b[1]&flagDirty != 0, tomb: b[1]&flagTomb != 0,
		schema: binary.BigEndian.Uint32(b[2:]), version: row.LSN(binary.BigEndian.Uint64(b[6:])), data: b[headerBytes:]}
	switch {
	case b[0] != 1 || b[1] > flagDirty|flagTomb:
		c.err = fmt.Errorf("format %d and flags %#x are not known", b[0], b[1])
	case c.tomb && len(c.data) > 0:
		c.err = errors.New("a tombstone with an image")
	}
	return c
}

// readRows reads rows of one generation.
func (l *lane) readRows(ctx context.Context, keys []string) ([]cached, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	values, err := l.node.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, err
	}
	out := make([]cached, len(values))
	for i, v := range values {
		if text, ok := v.(string); ok {
			out[i] = parseRow(text)
		}
	}
	return out, nil
}

// scan visits the keys that begin with a prefix, in pages.
func (l *lane) scan(ctx context.Context, prefix string, f func(keys []string) error) error {
	match := strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`).Replace(prefix) + "*"
	var cursor uint64
	for {
		if err := l.pace(ctx); err != nil { // pages without a match cost Redis as much
			return err
		}
		keys, next, err := l.node.Scan(ctx, cursor, match, pageRows).Result()
		if err != nil {
			return err
		}
		for len(keys) > 0 {
			n := min(len(keys), pageRows)
			if err := f(keys[:n]); err != nil {
				return err
			}
			keys = keys[n:]
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// seenTables are the tables of which Redis holds something: also those that
// were enabled at run time.
func (a *auditor) seenTables(ctx context.Context) (map[schema.Name]bool, error) {
	seen := map[schema.Name]bool{}
	for _, name := range a.Lanes {
		l := &lane{name: name, prefix: prefixOf(name), pace: a.limiter.Wait}
		var err error
		if l.node, err = a.nodeOf(ctx, l.prefix); err != nil {
			return nil, err
		}
		err = l.scan(ctx, l.prefix+"t:", func(keys []string) error {
			for _, k := range keys {
				if n, ok := schema.ParseName(unescaper.Replace(k[len(l.prefix)+2:])); ok {
					seen[n] = true
				}
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("look for tables in Redis: %w", err)
		}
	}
	return seen, nil
}

// hexKey prints an encoded key.
func hexKey(k row.Key) string { return "0x" + hex.EncodeToString([]byte(k)) }
