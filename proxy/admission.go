package proxy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
	"github.com/rzpsarthak13/shock-absorber/sqlrewrite"
)

const (
	// A grant that was changed around the proxies may go unnoticed for as long as
	// an answer counts, which may have come from a connection that was so old:
	// MySQL looks at some privileges at the login only.
	admissionTTL  = 20 * time.Second
	probeTTL      = 10 * time.Second
	admissionSize = 20000 // entries kept
	probesKept    = 8     // idle connections kept
)

// admission is what only MySQL can say of an absorbable statement: that this
// user may run it, and what its result columns look like.
type admission struct {
	at time.Time
	// columns are the column definitions of its rows, as payloads.
	columns [][]byte
	// prepared is the answer to COM_STMT_PREPARE, for Conn.WritePrepared.
	prepared []byte

	once sync.Once
	defs []wire.ColumnDef
	err  error
}

// definitions are the columns taken apart, as binary rows need them.
func (adm *admission) definitions(binary bool, caps wire.Capability) ([]wire.ColumnDef, error) {
	if !binary {
		return nil, nil
	}
	adm.once.Do(func() {
		adm.defs = make([]wire.ColumnDef, len(adm.columns))
		for i := range adm.columns {
			if adm.defs[i], adm.err = wire.ParseColumnDef(adm.columns[i], caps); adm.err != nil {
				return
			}
		}
	})
	return adm.defs, adm.err
}

// admissions remembers them, for each shape of statement, user and session
// setting. MySQL is asked by preparing the statement as that user, on a
// connection of its own, so a session that only absorbs needs none.
//
// When MySQL cannot be reached, lets nobody in or does not answer, what it said
// last stays good.
type admissions struct {
	mu      sync.Mutex
	entries map[admissionKey]*admission
	idle    map[probeKey][]*backend
	kept    int
}

// probeKey is what a probing connection depends on.
type probeKey struct {
	user, db, mode               string
	client, connection, results  string
	collation                    string
	shown                        string
	handshake                    uint16
	caps                         wire.Capability
	backendUser, backendPassword string
	role                         string // that the session has set, "" if none was
	adopted                      uint64 // schema changes so far: GRANT and REVOKE are among them
}

// admissionKey names an admission. The plan stands for the statement's shape:
// sessions share plans.
type admissionKey struct {
	probe  probeKey
	plan   *sqlrewrite.Plan
	binary bool
	// locking is the clause of a locking SELECT, whose plan is that of the same
	// without: MySQL asks for other privileges, and need not know the clause.
	locking string
	// markers tells, of a prepared statement, its parameters from its literals,
	// which plans do not.
	markers string
}

// newAdmissions makes an empty memory.
func newAdmissions() *admissions {
	return &admissions{entries: map[admissionKey]*admission{}, idle: map[probeKey][]*backend{}}
}

// admit returns what MySQL says of the statement. A refusal is MySQL's own
// error for it. *absorber.Refused: only the session's own connection can tell.
func (a *admissions) admit(ctx context.Context, s *session, st *sqlrewrite.Statement, req request) (adm *admission, refusal *wire.ErrPacket, err error) {
	key := admissionKey{probe: s.probeKey(), plan: st.Plan, binary: req.binary()}
	if lr, ok := req.(*lockingRequest); ok {
		key.locking = lr.how.Clause
	}
	if key.binary {
		key.markers = st.Markers()
	}
	a.mu.Lock()
	adm = a.entries[key]
	a.mu.Unlock()
	if adm != nil && time.Since(adm.at) < admissionTTL {
		return adm, nil, nil
	}
	var fresh *admission
	err = s.conn.srv.patience.ask(ctx, adm != nil, func(ctx context.Context) (err error) {
		fresh, err = a.ask(ctx, s, key, req)
		return err
	})
	switch {
	case err == nil:
	case unanswered(err) && adm != nil:
		return adm, nil, nil
	case !unanswered(err) && errors.As(err, &refusal):
		return nil, refusal, nil
	default:
		return nil, nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.entries) >= admissionSize {
		clear(a.entries) // plans change with the schema: start over now and then
	}
	a.entries[key] = fresh
	return fresh, nil, nil
}

// probeKey is the session's.
func (s *session) probeKey() probeKey {
	u, v := s.conn.User(), &s.vars
	name, password := u.backendLogin()
	return probeKey{user: u.Name, db: s.database(), mode: v.modeText, client: v.client, connection: v.connection, results: v.results, shown: v.shown, collation: v.collation,
		handshake: s.conn.Collation(), caps: s.conn.Caps(), backendUser: name, backendPassword: password, role: v.role, adopted: s.shared.engine.Adopted()}
}

// ask probes on an idle connection, or on a new one.
func (a *admissions) ask(ctx context.Context, s *session, key admissionKey, req request) (*admission, error) {
	ctx, cancel := context.WithTimeout(ctx, s.conn.srv.cfg.Backend.DialTimeout)
	defer cancel()
	be, pooled := a.take(key.probe)
	for {
		if be == nil {
			var err error
			if be, err = s.dialProbe(ctx); err != nil {
				return nil, err
			}
		}
		deadline, _ := ctx.Deadline()
		err := be.raw.SetDeadline(deadline)
		var adm *admission
		if err == nil {
			pr := probe{be: be, caps: key.probe.caps, status: s.plainStatus()}
			adm, err = pr.ask(req.text(), key)
		}
		var e *wire.ErrPacket
		var untold *absorber.Refused
		if err == nil || errors.As(err, &e) || errors.As(err, &untold) {
			a.put(key.probe, be)
			return adm, err
		}
		be.close()
		if be = nil; !pooled {
			return nil, err
		}
		pooled = false // the idle connection was dead: once more on a new one
	}
}

// close ends the idle connections.
func (a *admissions) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, list := range a.idle {
		for _, be := range list {
			be.close()
		}
	}
	clear(a.idle)
	a.kept = 0
}

// take gives an idle connection, nil if there is none.
func (a *admissions) take(k probeKey) (*backend, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := a.idle[k]
	if len(list) == 0 {
		return nil, false
	}
	be := list[len(list)-1]
	if list = list[:len(list)-1]; len(list) == 0 {
		delete(a.idle, k)
	} else {
		a.idle[k] = list
	}
	a.kept--
	if time.Since(be.opened) > probeTTL {
		be.close()
		return nil, false
	}
	return be, true
}

// put keeps a connection for the next probe; when there are too many, those of
// another kind go first.
func (a *admissions) put(k probeKey, be *backend) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.kept >= probesKept {
		for other, list := range a.idle {
			if other == k {
				continue
			}
			for _, b := range list {
				b.close()
			}
			a.kept -= len(list)
			delete(a.idle, other)
			break
		}
	}
	if a.kept >= probesKept {
		be.close()
		return
	}
	a.idle[k] = append(a.idle[k], be)
	a.kept++
}

// dialProbe opens a connection that looks to MySQL like the session's own.
func (s *session) dialProbe(ctx context.Context) (*backend, error) {
	like := &Conn{srv: s.conn.srv, login: s.conn.login, db: s.database()}
	like.user.Store(s.conn.User())
	like.login.Caps &^= wire.CapQueryAttributes | wire.CapSessionTrack | wire.CapLocalFiles
	be, err := like.dialAndLogin(ctx, &s.conn.srv.cfg.Backend)
	if err != nil {
		return nil, err
	}
	pr := probe{be: be, caps: s.conn.Caps()}
	v := &s.vars
	set := "SET "
	switch {
	case v.results == "":
		set += "character_set_results = NULL, "
	case v.shown != "": // else it stays what the login makes it: setting it changes the collation that is shown
		set += fmt.Sprintf("NAMES '%s' COLLATE '%s', ", v.results, v.shown)
	}
	set += fmt.Sprintf("character_set_client = '%s', collation_connection = '%s', sql_mode = '%s'", v.client, v.collation, v.modeText)
	if _, err := pr.query([]byte(set)); err != nil {
		be.close()
		return nil, fmt.Errorf("prepare a connection for permission checks: %v", err)
	}
	if v.role != "" {
		var e *wire.ErrPacket
		if _, err := pr.query([]byte("SET ROLE " + v.role)); err != nil {
			be.close()
			if errors.As(err, &e) { // the session has it still, nobody gets it again
				err = &absorber.Refused{Reason: "role"}
			}
			return nil, err
		}
	}
	return be, nil
}

// roleText is what SET ROLE needs to set what CURRENT_ROLE() shows.
func roleText(d schema.Dialect, current []byte) string {
	switch {
	case len(current) == 0:
		return "NONE" // MariaDB's NULL
	case d == schema.MariaDB:
		return "`" + strings.ReplaceAll(string(current), "`", "``") + "`"
	}
	return string(current) // names in quotes, or NONE
}
