package audit

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// cut takes a key of the cache apart: table, generation and the rest.
func (l *lane) cut(key, kind string) (table string, gen uint64, rest string, ok bool) {
	f := strings.SplitN(strings.TrimPrefix(key, l.prefix+kind+":"), ":", 3)
	if len(f) != 3 {
		return "", 0, "", false
	}
	gen, err := strconv.ParseUint(f[1], 10, 64)
	return unescaper.Replace(f[0]), gen, f[2], err == nil
}

// cache compares the rows of the cache with MySQL.
func (a *auditor) cache(ctx context.Context, l *lane) ([]Finding, error) {
	tables := map[string]*schema.Table{}
	for _, t := range a.tablesOf(l.name) {
		tables[t.Name.String()] = t
	}
	var out []Finding
	err := l.scan(ctx, l.prefix+"row:", func(keys []string) error {
		if a.enough(out) {
			return nil
		}
		byTable := map[string][]string{}
		for _, k := range keys {
			if table, _, _, ok := l.cut(k, "row"); ok && tables[table] != nil {
				byTable[table] = append(byTable[table], k)
			}
		}
		for table, list := range byTable {
			found, err := a.cachePage(ctx, l, tables[table], list)
			if err != nil {
				return err
			}
			out = append(out, found...)
		}
		return nil
	})
	return out, err
}

// suspect is a clean row on its way through a page.
type suspect struct {
	redis string // its key in Redis
	key   row.Key
	row   cached
	im    row.Image
}

// cachePage checks some rows of one table.
func (a *auditor) cachePage(ctx context.Context, l *lane, t *schema.Table, keys []string) ([]Finding, error) {
	table := t.Name.String()
	if err := a.wait(ctx, "cached rows", len(keys)); err != nil {
		return nil, err
	}
	before, err := l.state(ctx, table)
	if err != nil || !before.usable(l) || before.gate != 'o' {
		return nil, err // behind a shut gate nobody reads the cache
	}
	rows, err := l.readRows(ctx, keys)
	if err != nil {
		return nil, err
	}
	var out []Finding
	add := func(kind string, key row.Key, im row.Image, version row.LSN, format string, args ...any) {
		name := hexKey(key)
		if im != nil {
			name = primary(t, im)
		}
		out = append(out, Finding{Kind: kind, Lane: l.name, Table: table, Key: name, LSN: version, Detail: fmt.Sprintf(format, args...)})
	}
	var clean []suspect
	var dirty []suspect
	for i, r := range rows {
		_, gen, rest, _ := l.cut(keys[i], "row")
		key := row.Key(rest)
		if !r.there || gen != before.gen {
			continue
		}
		if r.err != nil {
			add("cache_corrupt", key, nil, 0, "%v", r.err)
			continue
		}
		if lsn, dead := a.letters[letterKey{table, key}]; dead && lsn == r.version {
			add("dead_letter_cached", key, nil, r.version, "the cache holds the row as dead letter %d left it", lsn)
			continue
		}
		s := suspect{redis: keys[i], key: key, row: r}
		switch {
		case r.dirty:
			dirty = append(dirty, s)
		case r.tomb:
			add("clean_tombstone", key, nil, r.version, "the row is cached as deleted, and does not wait for MySQL")
		case r.schema != t.Version: // the definition has changed since the schema was read, or the row is about to go
		default:
			if s.im, err = row.DecodeImage(r.data, len(t.Columns)); err != nil {
				add("cache_corrupt", key, nil, r.version, "%v", err)
				continue
			}
			if ref, err := row.IndexRef(t, s.im); err != nil || ref.Key != key {
				add("cache_key", key, s.im, r.version, "the row stands under the key %s", hexKey(key))
				continue
			}
			clean = append(clean, s)
		}
	}
	if err := a.compareClean(ctx, l, t, before, clean, add); err != nil {
		return nil, err
	}
	return out, a.listed(ctx, l, table, dirty, add)
}

// compareClean compares clean rows with MySQL, and looks whether they were the
// same all the while.
func (a *auditor) compareClean(ctx context.Context, l *lane, t *schema.Table, before state, clean []suspect, add func(kind string, key row.Key, im row.Image, version row.LSN, format string, args ...any)) error {
	if len(clean) == 0 {
		return nil
	}
	var images []row.Image
	var keys []string
	for _, s := range clean {
		images, keys = append(images, s.im), append(keys, s.redis)
	}
	have, err := a.db.rows(t, images)
	if err != nil {
		return err
	}
	again, err := l.readRows(ctx, keys)
	if err != nil {
		return err
	}
	ends := make([]*redis.DurationCmd, len(keys))
	if _, err := l.node.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range keys {
			ends[i] = p.PTTL(ctx, keys[i])
		}
		return nil
	}); err != nil {
		return err
	}
	after, err := l.state(ctx, t.Name.String())
	if err != nil || after != before {
		return err
	}
	for i, s := range clean {
		if r := again[i]; !r.there || r.dirty || r.version != s.row.version {
			continue
		}
		switch is, there := have[s.key]; {
		case !there:
			add("cache_differs", s.key, s.im, s.row.version, "the cache holds a clean row that MySQL does not have")
		case !is.Equal(s.im):
			add("cache_differs", s.key, s.im, s.row.version, "the cache and MySQL differ in %s", differing(t, is, s.im))
		}
		if ends[i].Val() == -1 {
			add("clean_without_end", s.key, s.im, s.row.version, "the row is clean and has no TTL: it would stay for ever")
		}
	}
	return nil
}

// listed checks that dirty rows stand in the table's pending set.
func (a *auditor) listed(ctx context.Context, l *lane, table string, dirty []suspect, add func(kind string, key row.Key, im row.Image, version row.LSN, format string, args ...any)) error {
	if len(dirty) == 0 {
		return nil
	}
	heads, scores := make([]*redis.StringCmd, len(dirty)), make([]*redis.FloatCmd, len(dirty))
	_, err := l.node.TxPipelined(ctx, func(p redis.Pipeliner) error {
		for i, s := range dirty {
			heads[i] = p.GetRange(ctx, s.redis, 0, headerBytes-1)
			scores[i] = p.ZScore(ctx, l.table("dirty", table), string(s.key))
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return err
	}
	for i, s := range dirty {
		if r := parseRow(heads[i].Val()); r.err == nil && r.dirty && errors.Is(scores[i].Err(), redis.Nil) {
			add("pending_not_listed", s.key, nil, r.version, "the cache holds the row as pending, the table's list of pending rows does not have it")
		}
	}
	return nil
}

// claims checks the unique values that are claimed.
func (a *auditor) claims(ctx context.Context, l *lane) ([]Finding, error) {
	var out []Finding
	err := l.scan(ctx, l.prefix+"uniq:", func(keys []string) error {
		if a.enough(out) {
			return nil
		}
		if err := a.wait(ctx, "claims", len(keys)); err != nil {
			return err
		}
		early, err := l.same(ctx)
		if err != nil {
			return err
		}
		for _, k := range keys {
			table, gen, rest, ok := l.cut(k, "uniq")
			if !ok {
				continue
			}
			f, err := l.claim(ctx, k, table, gen, rest, early)
			if err != nil {
				return err
			}
			out = append(out, f...)
		}
		return nil
	})
	return out, err
}

// claim checks one claim: its row must be pending.
func (l *lane) claim(ctx context.Context, key, table string, gen uint64, rest string, early marks) ([]Finding, error) {
	st, err := l.state(ctx, table)
	if err != nil || !st.usable(l) || st.gen != gen {
		return nil, err
	}
	v, err := l.node.Get(ctx, key).Result()
	if errors.Is(err, redis.Nil) || err == nil && len(v) < 8 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var again *redis.StringCmd
	var score *redis.FloatCmd
	_, err = l.node.TxPipelined(ctx, func(p redis.Pipeliner) error {
		again = p.Get(ctx, key)
		score = p.ZScore(ctx, l.table("dirty", table), v[8:])
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, err
	}
	if again.Val() != v {
		return nil, nil
	}
	lsn := binary.BigEndian.Uint64([]byte(v))
	index, _, _ := strings.Cut(rest, ":")
	f := Finding{Kind: "claim_without_row", Lane: l.name, Table: table, Key: hexKey(row.Key(v[8:])), LSN: row.LSN(lsn)}
	switch {
	case lsn <= early.settled:
		f.Detail = fmt.Sprintf("a value of %s is claimed by unit %d, which is settled (up to %d)", unescaper.Replace(index), lsn, early.settled)
	case errors.Is(score.Err(), redis.Nil):
		f.Detail = fmt.Sprintf("a value of %s is claimed by unit %d for a row that is not pending", unescaper.Replace(index), lsn)
	default:
		return nil, nil
	}
	return []Finding{f}, nil
}
