package differential

import (
	"bufio"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// statementsLine is a line of the counter of statements.
var statementsLine = regexp.MustCompile(`^shockabsorber_statements_total\{reason="([^"]*)",verb="([^"]*)"\} (\S+)`)

// passing is the verb of statements that were not absorbed.
const passing = "passthrough"

// counters reads how many statements were absorbed, by verb, and passed
// through, by reason. They are nil if the proxy does not answer.
func (s *stage) counters() map[string]float64 {
	resp, err := s.web.Get("http://" + s.addresses.Admin + "/metrics")
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	all := map[string]float64{}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if !strings.HasPrefix(lines.Text(), "shockabsorber_statements_total{") {
			continue
		}
		if m := statementsLine.FindStringSubmatch(lines.Text()); m != nil && m[2] != "barrier" {
			if n, err := strconv.ParseFloat(m[3], 64); err == nil {
				all[m[2]+":"+m[1]] = n
			}
		}
	}
	return all
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
func (s *stage) done(before map[string]float64) (d deed, after map[string]float64) {
	after = s.counters()
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
	return d, after
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
		at := 5 + lenenc(last[5])
		if at += lenenc(last[at]); at+4 <= len(last) {
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
