package proxy

import (
	"fmt"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// shadowSession is what of the client's session changes what a statement means.
// All names are as the server prints them.
type shadowSession struct {
	caps              wire.Capability
	db                string // "" for none
	mode              string // sql_mode
	zone              string // time_zone, not its offset: rules of a zone matter to expressions
	client            string // character_set_client
	collation         string // collation_connection
	results           string // character_set_results, "" for NULL
	shown             string // the collation that column definitions name; "" for the default of results
	increment, offset uint64 // auto_increment_increment and _offset
}

// neutralSettings are those under which literals are put in and images read:
// nothing is escaped, converted or refused. Not strict, for values that a
// session without it has stored.
const neutralSettings = "SET NAMES utf8mb4, sql_mode = 'NO_BACKSLASH_ESCAPES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', time_zone = '+00:00'"

// settings is the SET that makes the session the client's. No name in
// it has a backslash, so any sql_mode reads it alike.
func (j *shadowJob) settings() string {
	s := &j.session
	var b strings.Builder
	switch {
	case s.results == "":
		b.WriteString("SET character_set_results = NULL, ")
	case s.shown == "":
		fmt.Fprintf(&b, "SET NAMES %s, ", sink.QuoteText(s.results))
	default:
		fmt.Fprintf(&b, "SET NAMES %s COLLATE %s, ", sink.QuoteText(s.results), sink.QuoteText(s.shown))
	}
	mode := s.mode
	if s.caps.Has(wire.CapIgnoreSpace) && !strings.Contains(mode, "IGNORE_SPACE") {
		mode = strings.TrimPrefix(mode+",IGNORE_SPACE", ",") // the login does the same
	}
	fmt.Fprintf(&b, "character_set_client = %s, collation_connection = %s, sql_mode = %s, time_zone = %s, timestamp = %s",
		sink.QuoteText(s.client), sink.QuoteText(s.collation), sink.QuoteText(mode), sink.QuoteText(s.zone), timestampOf(j.now))
	if j.setsInsertID() { // nothing else reads it
		fmt.Fprintf(&b, ", last_insert_id = %d, auto_increment_increment = %d, auto_increment_offset = %d", j.lastInsertID, max(s.increment, 1), max(s.offset, 1))
	}
	if !j.reads && j.table.AutoIncrement >= 0 {
		// Always: a value that the statement before did not use is still waiting.
		fmt.Fprintf(&b, ", insert_id = %d", max(j.insertID, 1))
	}
	return b.String()
}
