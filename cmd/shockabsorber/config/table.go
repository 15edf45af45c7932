package config

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// laneName is what a lane may be called: it stands in Redis keys, in metric
// labels and in a column that compares without case.
var laneName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// Patterns returns the names and globs of all configured tables, sorted.
func (c *Config) Patterns() []string { return slices.Sorted(maps.Keys(c.Tables)) }

// Lanes returns every lane the tables use, sorted; DefaultLane always is one.
func (c *Config) Lanes() []string {
	set := map[string]bool{DefaultLane: true}
	for _, t := range c.Tables {
		if t.Lane != "" {
			set[t.Lane] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// TableFor returns the settings of a table with everything it inherits filled
// in; false, with the defaults, if no entry names it. An exact name wins over a glob, and a
// longer glob over a shorter one, so that "mydb.pay*" can make an exception
// from "mydb.*". DrainRate 0 stays: the table has no rate of its own.
func (c *Config) TableFor(db, table string) (Table, bool) {
	best, found := "", false
	for _, pattern := range c.Patterns() {
		if pattern == db+"."+table {
			best, found = pattern, true
			break
		}
		if matches(pattern, db, table) && (!found || len(pattern) > len(best)) {
			best, found = pattern, true
		}
	}
	t := c.Tables[best] // the zero Table if none was found
	if t.TTL.Duration == 0 {
		t.TTL = c.WriteBack.DefaultTTL
	}
	if t.WriteBackBatchSize == 0 {
		t.WriteBackBatchSize = c.WriteBack.BatchSize
	}
	if t.Lane == "" {
		t.Lane = DefaultLane
	}
	if t.Lanes == 0 {
		t.Lanes = 1
	}
	if t.FreshReads == "" {
		t.FreshReads = FreshDrain
	}
	if t.Existence == "" {
		t.Existence = ExistenceCheck
	}
	if t.Durability == "" {
		t.Durability = c.WriteBack.Durability
	}
	return t, found
}

// Durabilities returns the levels that tables have, or can come to have, sorted.
func (c *Config) Durabilities() []string {
	set := map[string]bool{c.WriteBack.Durability: true}
	for _, t := range c.Tables {
		if t.Durability != "" {
			set[t.Durability] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// matches applies the two halves of a glob to database and table.
func matches(pattern, db, table string) bool {
	pdb, ptable, ok := strings.Cut(pattern, ".")
	if !ok {
		return false
	}
	okDB, err1 := path.Match(pdb, db)
	okTable, err2 := path.Match(ptable, table)
	return err1 == nil && err2 == nil && okDB && okTable
}

// validate reports what is wrong with one entry of [tables].
func (t *Table) validate(name string, report reporter) {
	at := joinKey([]string{"tables", name})
	db, table, ok := strings.Cut(name, ".")
	if !ok || db == "" || table == "" {
		report(at, "is not \"database.table\" (each half may be a glob, such as \"mydb.*\")")
	}
	for _, half := range []string{db, table} {
		if _, err := path.Match(half, ""); err != nil {
			report(at, "%q is not a glob: %v", half, err)
		}
	}
	t.TTL.validate(report, at+".ttl", 0)
	atLeast(report, at+".write_back_batch_size", t.WriteBackBatchSize, 0)
	rate(report, at+".drain_rate", t.DrainRate)
	atLeast(report, at+".lanes", t.Lanes, 0)
	if t.Lane != "" && !laneName.MatchString(t.Lane) {
		report(at+".lane", "%q is not a lane's name: lower-case letters, digits, - and _, at most 63, starting with a letter or digit", t.Lane)
	}
	oneOf(report, at+".fresh_reads", t.FreshReads, "", FreshDrain, FreshWait, FreshStale)
	oneOf(report, at+".snapshots", t.Snapshots, "", SnapshotsDrain, SnapshotsDemand)
	oneOf(report, at+".durability", t.Durability, "", DurabilityRedis, DurabilityReplica, DurabilityKafka)
	oneOf(report, at+".existence", t.Existence, "", ExistenceCheck, ExistenceTrust, ExistenceFilter)
}
