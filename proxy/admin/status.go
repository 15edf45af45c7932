package admin

import (
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// Status is what /api/status answers. Field names are a contract with other
// programs: add, never rename.
type Status struct {
	Version string        `json:"version"`
	Started time.Time     `json:"started"`
	Uptime  float64       `json:"uptime_seconds"`
	Mode    string        `json:"mode"` // "absorb", "passthrough"
	Lanes   []Lane        `json:"lanes"`
	Tables  []Table       `json:"tables"`
	Reasons []ReasonCount `json:"reasons"`
	// Transactions are those that began in the proxy, by how they went on.
	Transactions []TransactionCount `json:"transactions"`
	// Sessions are the clients connected to this process.
	Sessions []Session `json:"sessions"`
	// Settings are the configuration in force, secrets hidden.
	Settings []Setting `json:"settings"`
}

// TransactionCount is how many transactions went one way: "commit", "empty",
// "rollback", "abort", or "spill" to MySQL, for a reason.
type TransactionCount struct {
	Verb   string `json:"verb"`
	Reason string `json:"reason"` // "" for none
	Count  uint64 `json:"count"`
}

// Backlog is the number of units in all lanes that MySQL does not have yet.
func (s *Status) Backlog() int64 {
	var n int64
	for i := range s.Lanes {
		n += s.Lanes[i].Backlog
	}
	return n
}

// Lane is one ordered log.
type Lane struct {
	Name       row.Lane `json:"name"`
	LSN        row.LSN  `json:"lsn"`        // last committed
	Relayed    row.LSN  `json:"relayed"`    // everything up to here is in the queue
	Checkpoint row.LSN  `json:"checkpoint"` // everything up to here is in MySQL
	Backlog    int64    `json:"backlog"`    // units not yet in MySQL
	Rate       float64  `json:"rate"`       // row changes per second reaching MySQL now
	// ETA is when the backlog is drained at Rate, in seconds from now; null
	// while nothing drains.
	ETA *float64 `json:"eta_seconds"`
	// Owner is this process if it drains the lane, else "".
	Owner string    `json:"owner"`
	Epoch row.Epoch `json:"epoch"`
	// State is what this process's worker does: "idle", "draining",
	// "flushing", "paused", "retrying", "taking over", "contending" (another
	// process drains the lane), "stopped".
	State     string `json:"state"`
	LastError string `json:"last_error"` // with its hint; "" = none since the last success
	// DeadLetters are the units this process has put aside since its start
	// because MySQL refused them for good.
	DeadLetters uint64 `json:"dead_letters"`
	// Skipped are the units that operators have given up, since the lane
	// exists, as the process that drains it knows them.
	Skipped uint64 `json:"skipped"`
}

// Table is one table the configuration names.
type Table struct {
	Name     string `json:"name"` // "db.table"
	Absorbed bool   `json:"absorbed"`
	// Reason is why it is not absorbed: the stable name of the first refusal.
	Reason  string   `json:"reason"`
	Explain string   `json:"explain"` // a sentence for people
	Lane    row.Lane `json:"lane"`
	Gate    string   `json:"gate"`    // "open", "closing", "shut"
	Pending int64    `json:"pending"` // rows not yet in MySQL
}

// ReasonCount says how often a statement on absorbed tables was not absorbed
// for one reason since the start.
type ReasonCount struct {
	Reason string `json:"reason"`
	Count  uint64 `json:"count"`
}

// Session is one client connection.
type Session struct {
	ID        uint32 `json:"id"` // as the client knows it, and KILL takes it
	User      string `json:"user"`
	Remote    string `json:"remote"`     // address; "" for a Unix socket
	BackendID uint64 `json:"backend_id"` // MySQL's connection id; 0 = no backend connection
}

// Setting is one configuration key and its value.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}
