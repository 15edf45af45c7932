package proxy

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/sqlrewrite"
)

// serverDefaults are the variables that a new session starts with, as the
// backend's globals say; they are read again every globalsTTL.
type serverDefaults struct {
	query   func(ctx context.Context, sql string) ([][][]byte, error)
	dialect func() schema.Dialect
	lacks   func(ctx context.Context, functions []string) (map[string]bool, error)
	honours func(ctx context.Context) (bool, error)

	reading sync.Mutex // held by the one who asks the backend

	mu                sync.Mutex
	at                time.Time // zero: nothing is known yet
	vars              variables
	honoured          bool          // new sessions start with the character set that they log in with
	plain             bool          // and otherwise with the globals: init_connect is empty
	wait, interactive time.Duration // wait_timeout of new sessions, and of those of interactive clients
	collations        map[uint16]collation
	utf8mb4           string // its default collation; "" if that depends on the session
	version           string // of the server that was asked for its functions
	functions         atomic.Pointer[map[string]bool]
}

// missing are the functions that the server does not have by itself.
func (d *serverDefaults) missing() map[string]bool {
	if m := d.functions.Load(); m != nil {
		return *m
	}
	return nil
}

// collation is a row of information_schema.COLLATIONS.
type collation struct{ name, charset string }

// globalsTTL is how long a change of a global variable may go unnoticed here.
const globalsTTL = 10 * time.Second

// session gives the variables of a session that logged in with a collation id.
// ok is false if only the session's own backend connection can tell.
func (d *serverDefaults) session(ctx context.Context, p *patience, id uint16) (v variables, ok bool, err error) {
	if at := d.readAt(); time.Since(at) > globalsTTL {
		if err := p.ask(ctx, !at.IsZero(), d.renew); err != nil && at.IsZero() {
			return variables{}, false, err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	c, known := d.collations[id]
	v = d.vars
	v.client, v.connection, v.results, v.collation = c.charset, c.charset, c.charset, c.name
	return v, known && d.plain, nil
}

// readAt is when the backend was last asked.
func (d *serverDefaults) readAt() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.at
}

// renew reads, unless another session has done so meanwhile.
func (d *serverDefaults) renew(ctx context.Context) error {
	d.reading.Lock()
	defer d.reading.Unlock()
	if time.Since(d.readAt()) <= globalsTTL {
		return nil
	}
	return d.read(ctx)
}

// timeout is wait_timeout of a new session.
func (d *serverDefaults) timeout(interactive bool) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if interactive {
		return d.interactive
	}
	return d.wait
}

// name is a collation's name, "" for an unknown one.
func (d *serverDefaults) name(id uint16) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.collations[id].name
}

// ofLogin reports whether column definitions that name a collation do so because
// the session logged in with it.
func (d *serverDefaults) ofLogin(id, login uint16) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.honoured && id == login
}

// read asks the backend, one at a time. If it is away, what was known stays good.
func (d *serverDefaults) read(ctx context.Context) error {
	rows, err := d.query(ctx, d.variablesQuery("global.")+", @@global.init_connect, @@global.wait_timeout, @@global.interactive_timeout, VERSION()")
	if err != nil {
		return fmt.Errorf("read the backend's global variables: %w", err)
	}
	if len(rows) != 1 || len(rows[0]) != variableCount+4 {
		return fmt.Errorf("read the backend's global variables: not one row of %d columns", variableCount+4)
	}
	vars, err := parseVariables(rows[0])
	if err != nil {
		return fmt.Errorf("read the backend's global variables: %w", err)
	}
	more := rows[0][variableCount:]
	wait, err := seconds(more[1])
	if err != nil {
		return fmt.Errorf("read the backend's wait_timeout: %w", err)
	}
	interactive, err := seconds(more[2])
	if err != nil {
		return fmt.Errorf("read the backend's interactive_timeout: %w", err)
	}
	// Another server may be there now, of another version, with other functions and collations.
	version, functions, collations, utf8mb4 := string(more[3]), d.functions.Load(), d.collations, d.utf8mb4
	if version != d.version {
		lacks, err := d.lacks(ctx, sqlrewrite.Functions())
		if err != nil {
			return err
		}
		functions = &lacks
		if collations, utf8mb4, err = d.readCollations(ctx); err != nil {
			return err
		}
	}
	honoured, err := d.honours(ctx)
	if err != nil {
		return err
	}
	// All of it or nothing: half of another server's would be wrong for both.
	d.mu.Lock()
	defer d.mu.Unlock()
	d.vars, d.wait, d.interactive = vars, wait, interactive
	d.version, d.honoured, d.plain = version, honoured, honoured && len(more[0]) == 0
	d.collations, d.utf8mb4 = collations, utf8mb4
	d.functions.Store(functions)
	d.at = time.Now()
	return nil
}

// readCollations asks which collations there are, and for utf8mb4's own one.
func (d *serverDefaults) readCollations(ctx context.Context) (map[uint16]collation, string, error) {
	rows, err := d.query(ctx, "SELECT ID, COLLATION_NAME, CHARACTER_SET_NAME FROM information_schema.COLLATIONS WHERE ID IS NOT NULL AND CHARACTER_SET_NAME IS NOT NULL")
	if err != nil {
		return nil, "", fmt.Errorf("read the backend's collations: %w", err)
	}
	all := make(map[uint16]collation, len(rows))
	for _, r := range rows {
		id, err := strconv.ParseUint(string(r[0]), 10, 16)
		if err != nil {
			continue // MariaDB 11's collations above 65535 cannot be in a handshake
		}
		all[uint16(id)] = collation{string(r[1]), charset(r[2])}
	}
	rows, err = d.query(ctx, "SELECT DEFAULT_COLLATE_NAME FROM information_schema.CHARACTER_SETS WHERE CHARACTER_SET_NAME = 'utf8mb4'")
	if err != nil {
		return nil, "", fmt.Errorf("read the default collation of utf8mb4: %w", err)
	}
	if len(rows) != 1 {
		return nil, "", fmt.Errorf("read the default collation of utf8mb4: %d rows", len(rows))
	}
	return all, string(rows[0][0]), nil
}

// seconds reads a variable that is a number of seconds.
func seconds(v []byte) (time.Duration, error) {
	n, err := strconv.Atoi(string(v))
	return time.Duration(n) * time.Second, err
}

// assign does one assignment of a SET, if it is one whose outcome is certain.
func (d *serverDefaults) assign(v *variables, a sqlrewrite.Assignment) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch a.Name {
	case "autocommit":
		on := strings.EqualFold(a.Value, "ON") || a.Value == "1"
		v.autocommit = on
		return on // a session without autocommit needs its backend connection anyway
	case "character_set_client", "character_set_results", "character_set_connection":
		if !strings.EqualFold(a.Value, "utf8mb4") {
			return false
		}
		switch a.Name {
		case "character_set_client":
			v.client = "utf8mb4"
		case "character_set_results":
			v.results, v.shown = "utf8mb4", d.utf8mb4
		default:
			v.connection = "utf8mb4"
		}
		return true
	case "collation_connection":
		if a.Value == "" {
			v.collation = d.utf8mb4
			return d.utf8mb4 != ""
		}
		for _, c := range d.collations {
			if strings.EqualFold(c.name, a.Value) && c.charset == "utf8mb4" {
				v.collation = c.name
				return true
			}
		}
	}
	return false
}
