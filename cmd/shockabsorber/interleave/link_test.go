package interleave

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/rawclient"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// link is a session on one side.
type link struct {
	*rawclient.Client
	w       *world
	db      string      // its database
	id      int         // CONNECTION_ID(), of a direct one
	running chan answer // the statement that has not been answered; nil for none
	open    bool        // in a transaction, as the server said last
	auto    bool        // autocommit is on, likewise
}

// answer is what a statement got, as it is compared.
type answer struct {
	text string
	code int // of an error
}

// gone reports whether the connection broke.
func (a answer) gone() bool { return strings.HasPrefix(a.text, "gone: ") }

// dial opens a session at an address.
func (w *world) dial(addr, db string) (*link, error) {
	c, err := rawclient.Dial(addr, servertest.AppUser, password, db, wire.CapDeprecateEOF)
	if err != nil {
		return nil, err
	}
	return &link{Client: c, w: w, db: db}, nil
}

// side opens n sessions: directly, or spread over the proxies.
func (w *world) side(n int, proxied bool) ([]*link, error) {
	links := make([]*link, n)
	for i := range links {
		addr, db := w.db.Addr, w.direct
		if proxied {
			addr, db = w.proxies[i%len(w.proxies)].Proxy, w.proxied
		}
		l, err := w.dial(addr, db)
		if err != nil {
			return nil, errors.Join(err, closeAll(links[:i]))
		}
		if links[i] = l; !proxied {
			a := l.run("SELECT CONNECTION_ID()")
			if _, err := fmt.Sscanf(a.text, "(%d)", &l.id); err != nil {
				return nil, fmt.Errorf("read the id of a connection from %q: %w", a.text, err)
			}
		}
	}
	return links, nil
}

// closeAll ends sessions.
func closeAll(links []*link) error {
	var err error
	for _, l := range links {
		err = errors.Join(err, l.Close())
	}
	return err
}

// begin sends a statement; $ in it is the session's database.
func (l *link) begin(text string) {
	ch := make(chan answer, 1)
	l.running = ch
	go func() {
		packets, err := l.Query(strings.ReplaceAll(text, "$", l.db))
		if err != nil {
			ch <- answer{text: "gone: " + err.Error()}
			return
		}
		a, err := l.render(packets)
		if err != nil {
			a.text = "gone: " + err.Error()
		}
		ch <- a
	}()
}

// take is the answer to the running statement, if it comes within a time.
func (l *link) take(within time.Duration) (answer, bool) {
	select {
	case a := <-l.running:
		l.running = nil
		return a, true
	default:
	}
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case a := <-l.running:
		l.running = nil
		return a, true
	case <-timer.C:
		return answer{}, false
	}
}

// run runs a statement that does not wait for another session.
func (l *link) run(text string) answer {
	l.begin(text)
	a, ok := l.take(patience)
	if !ok {
		return answer{text: "gone: no answer within " + patience.String()}
	}
	return a
}

// settle waits until the running statement of a direct session is answered, or
// waits for another session's lock, which the server itself says.
func (l *link) settle() (answer, bool, error) {
	for until := time.Now().Add(patience); ; {
		// The server takes a new look at its locks every 100 ms only.
		if a, ok := l.take(160 * time.Millisecond); ok {
			return a, true, nil
		}
		var n int
		err := l.w.admin.QueryRow("SELECT (SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = ? AND trx_state = 'LOCK WAIT')"+
			" + (SELECT COUNT(*) FROM information_schema.processlist WHERE id = ? AND (state LIKE 'Waiting for%lock%' OR state = 'User lock'))", l.id, l.id).Scan(&n)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return answer{}, false, err
		}
		if n > 0 {
			a, ok := l.take(0)
			return a, ok, nil
		}
		if time.Now().After(until) {
			return answer{}, false, fmt.Errorf("session %d neither answers nor waits for a lock", l.id)
		}
	}
}

// Status flags that are compared: the others depend on the optimizer and on how
// long a statement took.
const comparedStatus = wire.StatusInTransaction | wire.StatusAutocommit | 0x2000 // read only

// status takes over what the flags say.
func (l *link) status(flags uint16) {
	l.open, l.auto = flags&wire.StatusInTransaction != 0, flags&wire.StatusAutocommit != 0
}

// render prints a response without the session's own database.
func (l *link) render(packets [][]byte) (answer, error) {
	own := func(b []byte) string { return strings.ReplaceAll(string(b), l.db, "$") }
	first := packets[0][4:]
	switch first[0] {
	case 0xff:
		e, err := wire.ParseERR(first)
		if err != nil {
			return answer{}, err
		}
		if e.Code == 1213 {
			l.open = false
		}
		return answer{text: fmt.Sprintf("error %d (%s) %s", e.Code, e.State, own([]byte(e.Message))), code: int(e.Code)}, nil
	case 0:
		ok, err := wire.ParseOK(first, l.Caps())
		if err != nil {
			return answer{}, err
		}
		l.status(ok.Status)
		info := own([]byte(ok.Info))
		if strings.HasPrefix(info, "Rows matched: 0 ") { // MariaDB may leave it out
			info = ""
		}
		return answer{text: fmt.Sprintf("ok, %d rows, id %d, status %#x, %d warnings %s", ok.Affected, ok.InsertID, ok.Status&comparedStatus, ok.Warnings, info)}, nil
	}
	n := wire.ColumnCount(first)
	var b strings.Builder
	for _, p := range packets[1+n:] {
		if p[4] == 0xff {
			e, err := wire.ParseERR(p[4:])
			if err != nil {
				return answer{}, err
			}
			return answer{text: fmt.Sprintf("%serror %d (%s) %s", b.String(), e.Code, e.State, own([]byte(e.Message))), code: int(e.Code)}, nil
		}
		if end, err := wire.ParseEOF(p[4:], l.Caps()); p[4] == 0xfe && err == nil {
			l.status(end.Status)
			fmt.Fprintf(&b, "status %#x, %d warnings", end.Status&comparedStatus, end.Warnings)
			continue
		}
		values, err := wire.ParseTextRow(nil, p[4:], n)
		if err != nil {
			return answer{}, err
		}
		for i, v := range values {
			text := own(v)
			if v == nil {
				text = "NULL"
			}
			b.WriteString([]string{"(", ","}[min(i, 1)] + text)
		}
		b.WriteString(") ")
	}
	return answer{text: b.String()}, nil
}
