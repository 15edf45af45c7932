package differential

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/rawclient"
)

// statementsCounted is the name of the counter of statements.
const statementsCounted = "shockabsorber_statements_total"

// passing is the verb of statements that were not absorbed.
const passing = "passthrough"

// counters reads how many statements were absorbed, by verb, and passed
// through, by reason.
func (s *stage) counters() (map[string]float64, error) {
	families, err := s.metrics.Gather()
	if err != nil {
		return nil, err
	}
	all := map[string]float64{}
	for _, f := range families {
		if f.GetName() != statementsCounted {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["verb"] != "barrier" {
				all[labels["verb"]+":"+labels["reason"]] = m.GetCounter().GetValue()
			}
		}
	}
	return all, nil
}

// deed is what the proxy did with a statement.
type deed struct {
	absorbed bool
	reason   string // why it was passed through; "" if it was absorbed or is not counted
}

// String is for reports.
func (d deed) String() string {
	switch {
	case d.absorbed:
		return "absorbed"
	case d.reason != "":
		return "passed through: " + d.reason
	}
	return "not counted"
}

// done says what was counted since before, and what the counters are now.
func (s *stage) done(before map[string]float64) (d deed, after map[string]float64, err error) {
	if after, err = s.counters(); err != nil {
		return d, nil, err
	}
	for _, k := range slices.Sorted(maps.Keys(after)) {
		if after[k] <= before[k] {
			continue
		}
		if verb, reason, _ := strings.Cut(k, ":"); verb != passing {
			d.absorbed = true
		} else {
			d.reason = reason
		}
	}
	return d, after, nil
}

// judged reports whether a response ends with an error, or with warnings.
func judged(packets [][]byte) (refused, warned bool) {
	last := packets[len(packets)-1]
	switch {
	case last[4] == 0xff:
		return true, false
	case last[4] == 0xfe && len(last) == 9:
		return false, last[5] != 0 || last[6] != 0
	case last[4] == 0 || last[4] == 0xfe:
		at := 5 + rawclient.LengthEncoded(last[5])
		if at += rawclient.LengthEncoded(last[at]); at+4 <= len(last) {
			return false, last[at+2] != 0 || last[at+3] != 0
		}
	}
	return false, false
}

// withTables prints a statement and the table that it is about.
func withTables(s *statement, tables []*table) string {
	text := s.String()
	for _, t := range tables {
		if strings.Contains(text, " "+t.name) {
			return fmt.Sprintf("%s; -- %s", text, visible(t.ddl()))
		}
	}
	return text
}
