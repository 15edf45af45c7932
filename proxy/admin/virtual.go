package admin

import (
	"strconv"
	"time"
)

// Table renders one of the virtual tables of the schema shock_absorber:
// lanes, tables, reasons, sessions or settings. Values are text, nil is NULL.
func (s *Status) Table(name string) (columns []string, rows [][][]byte, ok bool) {
	add := func(values ...[]byte) { rows = append(rows, values) }
	switch name {
	case "lanes":
		columns = []string{"name", "lsn", "relayed", "checkpoint", "backlog", "rate", "eta_seconds", "owner", "epoch", "state", "last_error", "dead_letters"}
		for _, l := range s.Lanes {
			var eta []byte
			if l.ETA != nil {
				eta = decimal(*l.ETA)
			}
			add([]byte(l.Name), number(uint64(l.LSN)), number(uint64(l.Relayed)), number(uint64(l.Checkpoint)), number(uint64(max(0, l.Backlog))),
				decimal(l.Rate), eta, []byte(l.Owner), number(uint64(l.Epoch)), []byte(l.State), []byte(l.LastError), number(uint64(l.DeadLetters)))
		}
	case "tables":
		columns = []string{"name", "absorbed", "reason", "explain", "lane", "gate", "pending"}
		for _, t := range s.Tables {
			absorbed := "no"
			if t.Absorbed {
				absorbed = "yes"
			}
			add([]byte(t.Name), []byte(absorbed), []byte(t.Reason), []byte(t.Explain), []byte(t.Lane), []byte(t.Gate), number(uint64(t.Pending)))
		}
	case "reasons":
		columns = []string{"reason", "count"}
		for _, r := range s.Reasons {
			add([]byte(r.Reason), number(r.Count))
		}
	case "sessions":
		columns = []string{"id", "user", "backend_id"}
		for _, c := range s.Sessions {
			add(number(uint64(c.ID)), []byte(c.User), number(uint64(c.BackendID)))
		}
	case "settings":
		columns = []string{"name", "value"}
		for _, v := range s.Settings {
			add([]byte(v.Key), []byte(v.Value))
		}
	default:
		return nil, nil, false
	}
	return columns, rows, true
}

// number prints an integer.
func number(n uint64) []byte { return strconv.AppendUint(nil, n, 10) }

// decimal prints a rate or a time to one digit.
func decimal(f float64) []byte { return strconv.AppendFloat(nil, f, 'f', 1, 64) }

// LetterTable renders shock_absorber.dead_letters. The units are not in it:
// `shockabsorber deadletters show` reads them.
func LetterTable(letters []Letter) (columns []string, rows [][][]byte) {
	columns = []string{"id", "lane", "lsn", "created", "tables", "code", "cause", "rows", "edited"}
	for _, l := range letters {
		edited := "no"
		if l.Edited {
			edited = "yes"
		}
		rows = append(rows, [][]byte{number(l.ID), []byte(l.Lane), number(uint64(l.LSN)), moment(l.Created), []byte(l.Tables), number(uint64(l.Code)),
			[]byte(l.Cause), number(uint64(l.Rows)), []byte(edited)})
	}
	return columns, rows
}

// RequestTable renders shock_absorber.requests.
func RequestTable(requests []Request) (columns []string, rows [][][]byte) {
	columns = []string{"id", "lane", "verb", "letter", "asked_by", "created", "state", "result"}
	for _, r := range requests {
		rows = append(rows, [][]byte{number(r.ID), []byte(r.Lane), []byte(r.Verb), number(r.Letter), []byte(r.By), moment(r.Created), []byte(r.State), []byte(r.Result)})
	}
	return columns, rows
}

// PendingTable renders shock_absorber.pending.
func PendingTable(pending []Pending) (columns []string, rows [][][]byte) {
	columns = []string{"lane", "table", "key", "lsn"}
	for _, p := range pending {
		rows = append(rows, [][]byte{[]byte(p.Lane), []byte(p.Table), []byte(p.Key), number(uint64(p.LSN))})
	}
	return columns, rows
}

// moment prints a time in UTC as MySQL does.
func moment(t time.Time) []byte { return []byte(t.UTC().Format("2006-01-02 15:04:05.000000")) }
