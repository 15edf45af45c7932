package differential

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// chapter is a schema and what is done to it: all that a run depends on.
type chapter struct {
	tables   []*table
	sessions []*session
	steps    []step
	mysql    bool
	clocks   bool // values depend on the time: they are compared by their shape

	names [2]string // of the databases it is played on, directly and through the proxy
}

// step is one thing that happens. Exactly one of its parts is set.
type step struct {
	session    int
	statements []*statement // run by one session without a break
	event      event
}

// event is something that happens beside the sessions.
type event string

// The events of a chapter.
const (
	drain   event = "drain"   // MySQL gets everything
	cold    event = "cold"    // it does, and then the row cache is emptied
	restart event = "restart" // the proxy ends and starts again, and so do the sessions
	slow    event = "slow"    // from now on what need not drain does not
	fast    event = "fast"    // from now on everything drains at once
)

// session is a client with its settings, as they are at the point that the
// generator has reached.
type session struct {
	caps        wire.Capability
	opening     []*statement // what it runs first, and again after a restart
	start, now  map[string]setting
	noBackslash bool
	ansi        bool
	charset     string
	selects     bool // the last statement was a SELECT
	sets        bool // it was a SET
}

// setting is something a session sets. Those of one group replace each other.
type setting struct {
	group, sql  string
	trait       trait
	noBackslash bool
	ansi        bool
	charset     string
	prefix      string // the rest of a sql_mode
}

// strict is the sql_mode that most sessions have.
const strict = "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"

// mode makes a setting of sql_mode.
func mode(t trait, m string) setting {
	return setting{group: "mode", sql: "SET sql_mode = '" + m + "'", trait: t}
}

// settings are what sessions set; the first of each group is the usual one.
var settings = map[string][]setting{
	"mode": {
		mode(traitStrict, strict),
		mode(traitStrict, strict),
		mode(traitLax, ""),
		mode(traitZeroDate, strict+",NO_ZERO_DATE,NO_ZERO_IN_DATE"),
		{group: "mode", sql: "SET sql_mode = '" + strict + ",ANSI_QUOTES'", trait: traitANSI, ansi: true},
		{group: "mode", sql: "SET sql_mode = '" + strict + ",NO_BACKSLASH_ESCAPES'", trait: traitBackslash, noBackslash: true},
		mode(traitPadChar, strict+",PAD_CHAR_TO_FULL_LENGTH"),
		mode(traitAutoZero, strict+",NO_AUTO_VALUE_ON_ZERO"),
	},
	"zone": {
		{group: "zone", sql: "SET time_zone = '+00:00'", trait: traitZone},
		{group: "zone", sql: "SET time_zone = '+05:30'", trait: traitZone},
		{group: "zone", sql: "SET time_zone = '-08:00'", trait: traitZone},
	},
	"names": {
		{group: "names", sql: "SET NAMES utf8mb4", trait: traitUTF8},
		{group: "names", sql: "SET NAMES utf8mb4", trait: traitUTF8},
		{group: "names", sql: "SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci", trait: traitUTF8},
		{group: "names", sql: "SET NAMES latin1", trait: traitLatin1, charset: "latin1"},
		{group: "names", sql: "SET NAMES binary", trait: traitBinary, charset: "binary"},
	},
	"step": {
		{group: "step", sql: "SET auto_increment_increment = 1, auto_increment_offset = 1", trait: traitZone},
		{group: "step", sql: "SET auto_increment_increment = 1, auto_increment_offset = 1", trait: traitZone},
		{group: "step", sql: "SET auto_increment_increment = 3, auto_increment_offset = 2", trait: traitStep},
	},
	"clock": { // once set it stays, since the proxy does not believe in a way back
		{group: "clock", trait: traitZone}, {group: "clock", trait: traitZone}, {group: "clock", trait: traitZone}, {group: "clock", trait: traitZone},
		{group: "clock", sql: "SET timestamp = 1600000000.123456", trait: traitTimestamp},
	},
}

// groups are the keys of settings in the order in which sessions set them.
var groups = []string{"mode", "zone", "names", "step", "clock"}

// capabilities are what clients differ in.
var capabilities = []wire.Capability{
	0, wire.CapDeprecateEOF, wire.CapFoundRows, wire.CapDeprecateEOF | wire.CapFoundRows, wire.CapSessionTrack | wire.CapDeprecateEOF,
	wire.CapExtendedMetadata | wire.CapDeprecateEOF, wire.CapSessionTrack | wire.CapDeprecateEOF | wire.CapFoundRows | wire.CapExtendedMetadata,
}

// apply makes the session what it is after a setting.
func (st *session) apply(s setting) {
	st.now[s.group] = s
	st.noBackslash, st.ansi = st.now["mode"].noBackslash, st.now["mode"].ansi
	st.charset = st.now["names"].charset
}

// restarted makes the session what it is at its start.
func (st *session) restarted() {
	st.now = map[string]setting{}
	for _, g := range groups {
		st.apply(st.start[g])
	}
}

// traits are those of the session's settings.
func (st *session) traits() (out []trait) {
	for _, g := range groups {
		out = append(out, st.now[g].trait)
	}
	if st.caps.Has(wire.CapFoundRows) {
		out = append(out, traitFoundRows)
	}
	return out
}

// generator makes a chapter.
type generator struct {
	r    *rand.Rand
	only *table // all statements are about it; nil: about any
	*chapter
}

// avoided are kinds and traits that are not made, to see what is behind a
// difference that is known: SHOCK_ABSORBER_AVOID holds their names.
var avoided = os.Getenv("SHOCK_ABSORBER_AVOID")

// avoids reports whether a kind or trait is not to be made.
func avoids[T ~string](t T) bool {
	return avoided != "" && slices.Contains(strings.Split(avoided, ","), string(t))
}

// newChapter makes chapter n of a seed, of so many steps.
func newChapter(seed, n uint64, steps int, mysql bool) *chapter {
	g := &generator{r: rand.New(rand.NewPCG(seed, n)), chapter: &chapter{mysql: mysql}}
	g.clocks = g.chance(25)
	g.schema()
	for range 2 + g.r.IntN(2) {
		g.sessions = append(g.sessions, g.session())
	}
	at := 0
	for len(g.steps) < steps {
		if g.chance(30) {
			at = g.r.IntN(len(g.sessions))
		}
		g.step(at)
	}
	return g.chapter
}

// session makes a client: two of three have the usual settings.
func (g *generator) session() *session {
	st := &session{caps: capabilities[g.r.IntN(len(capabilities))], start: map[string]setting{}}
	odd := g.chance(45)
	for _, name := range groups {
		s := settings[name][0]
		if odd {
			s = settings[name][g.r.IntN(len(settings[name]))]
		}
		if avoids(s.trait) {
			s = settings[name][0]
		}
		st.start[name] = s
		if s.sql == "" {
			continue
		}
		st.opening = append(st.opening, &statement{kind: kindSession, verb: s.sql})
	}
	st.restarted()
	return st
}

// chance is true in so many of 100 cases.
func (g *generator) chance(percent int) bool { return g.r.IntN(100) < percent }

// pick takes one of a list.
func (g *generator) pick(list []string) string { return list[g.r.IntN(len(list))] }

// some takes n of a list of columns, in their order.
func (g *generator) some(list []*column, n int) (out []*column) {
	for i, c := range list {
		if left := len(list) - i; g.r.IntN(left) < n {
			out = append(out, c)
			n--
		}
	}
	return out
}
