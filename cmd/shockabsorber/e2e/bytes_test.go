package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/rawclient"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// bench is a database without the proxy and its twin of an equally long name
// behind it, whose tables are absorbed.
type bench struct {
	t               *testing.T
	p               *running
	db              *servertest.DB
	redis           *servertest.RedisServer
	direct, proxied string // the databases
}

// newBench makes both databases with the same tables, and the proxy.
func newBench(t *testing.T, db *servertest.DB, change func(*config.Config), tables ...string) *bench {
	t.Helper()
	b := &bench{t: t, db: db, redis: servertest.Redis(t)}
	for b.direct == "" || len(b.direct) != len(b.proxied) {
		b.direct, b.proxied = db.Database(t), db.Database(t)
	}
	for _, s := range tables {
		db.Exec(t, b.direct, s)
		db.Exec(t, b.proxied, s)
	}
	cfg := settings(t, db, b.redis.Addr)
	cfg.WriteBack.DrainRate = 0.5 // what is not asked for stays pending
	cfg.Admin.Listen = "127.0.0.1:0"
	cfg.Tables = map[string]config.Table{b.proxied + ".*": {}}
	if change != nil {
		change(cfg)
	}
	b.p = start(t, db, cfg)
	return b
}

// drain waits until MySQL has everything.
func (b *bench) drain() {
	b.t.Helper()
	mustExec(b.t, b.p.open(b.t, ""), "CALL shock_absorber.drain()")
}

// statementsLine is a line of the counter of statements.
var statementsLine = regexp.MustCompile(`^shockabsorber_statements_total\{reason="([^"]*)",verb="([^"]*)"\} (\S+)`)

// counters are those of the proxy.
func (b *bench) counters() map[string]float64 {
	b.t.Helper()
	return statementCounters(b.t, b.p)
}

// statementCounters reads how many statements were absorbed, by verb, and
// forwarded, by verb:reason.
func statementCounters(t *testing.T, p *running) map[string]float64 {
	t.Helper()
	resp, err := http.Get("http://" + p.Admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	all := map[string]float64{}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if m := statementsLine.FindStringSubmatch(lines.Text()); m != nil && m[2] != "barrier" {
			n, err := strconv.ParseFloat(m[3], 64)
			if err != nil {
				t.Fatal(err)
			}
			all[strings.TrimSuffix(m[2]+":"+m[1], ":")] = n
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// pair is a session on each side, which run the same commands.
type pair struct {
	*bench
	directly, proxy *packetClient
}

// sessions logs in on both sides.
func (b *bench) sessions(caps wire.Capability) *pair {
	b.t.Helper()
	return &pair{bench: b, directly: dialPackets(b.t, b.db.Addr, b.direct, caps), proxy: dialPackets(b.t, b.p.Proxy, b.proxied, caps)}
}

// what the proxy did with a statement, in counters, and what a test may expect.
const (
	inserted = "insert"
	updated  = "update"
	deleted  = "delete"
	fromRows = "pointread"
	passed   = "passthrough" // with any reason
	refused  = "refused"     // counted as nothing: an error before anything was done
	anyhow   = ""
)

// both runs a command on both sides and compares the responses.
func (p *pair) both(want, what string, command func(*packetClient, func(string) string) [][]byte) {
	p.t.Helper()
	before := p.counters()
	direct := command(p.directly, func(s string) string { return s })
	proxied := command(p.proxy, func(s string) string { return strings.ReplaceAll(s, p.direct, p.proxied) })
	did := p.done(before)
	for i, packet := range proxied {
		proxied[i] = bytes.ReplaceAll(packet, []byte(p.proxied), []byte(p.direct))
	}
	if d := rawclient.Differing(direct, proxied); d != "" {
		p.t.Errorf("%.200s (%s)%s", what, did, d)
	}
	if verb, _, _ := strings.Cut(did, ":"); want != anyhow && verb != want {
		p.t.Errorf("%.200s: was done by %s, not by %s", what, did, want)
	}
}

// done says what was counted since before.
func (b *bench) done(before map[string]float64) string {
	var did []string
	after := b.counters()
	for _, k := range slices.Sorted(maps.Keys(after)) {
		if after[k] > before[k] {
			did = append(did, k)
		}
	}
	if did == nil {
		return refused
	}
	return strings.Join(did, " and ")
}

// query runs statements in the text protocol. A %s is the own database's name.
func (p *pair) query(want string, statements ...string) {
	p.t.Helper()
	for _, s := range statements {
		p.both(want, s, func(c *packetClient, own func(string) string) [][]byte { return c.query(own(s)) })
	}
}

// execute prepares a statement, unless it is prepared, and executes it.
func (p *pair) execute(want, sql string, params ...any) {
	p.t.Helper()
	if p.directly.stmt[sql] == nil {
		p.both(anyhow, "PREPARE "+sql, func(c *packetClient, own func(string) string) [][]byte { return c.prepare(sql) })
	}
	if p.directly.stmt[sql] == nil {
		return
	}
	p.both(want, fmt.Sprint("EXECUTE ", sql, params), func(c *packetClient, own func(string) string) [][]byte { return c.execute(sql, false, params...) })
}

// equal compares the tables of both sides after a drain.
func (b *bench) equal(tables ...string) {
	b.t.Helper()
	b.drain()
	pool := b.db.Open(b.t, "")
	for _, name := range tables {
		compareLines(b.t, dump(b.t, pool, b.direct, name), dump(b.t, pool, b.proxied, name))
	}
}

// capabilities are the sets that change how responses look.
var capabilities = []struct {
	name string
	caps wire.Capability
}{
	{"plain", 0},
	{"deprecate_eof", wire.CapDeprecateEOF},
	{"found_rows", wire.CapFoundRows},
	{"session_track", wire.CapSessionTrack | wire.CapDeprecateEOF},
	{"extended_metadata", wire.CapExtendedMetadata | wire.CapDeprecateEOF},
	{"all", wire.CapSessionTrack | wire.CapDeprecateEOF | wire.CapFoundRows | wire.CapExtendedMetadata},
}
