package proxy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// defaultsServer is a backend as serverDefaults sees it; its answer number
// failing, counted from 1, is an error.
type defaultsServer struct {
	mode, zone, initConnect, wait, version string
	utf8mb4                                string // its default collation
	honours                                bool
	asked, failing                         int
}

var errAway = errors.New("the backend is away")

func (b *defaultsServer) answer() error {
	if b.asked++; b.asked == b.failing {
		return errAway
	}
	return nil
}

func (b *defaultsServer) query(_ context.Context, sql string) ([][][]byte, error) {
	if err := b.answer(); err != nil {
		return nil, err
	}
	var columns []string
	switch {
	case strings.Contains(sql, "COLLATIONS"):
		columns = []string{"45", b.utf8mb4, "utf8mb4"}
	case strings.Contains(sql, "CHARACTER_SETS"):
		columns = []string{b.utf8mb4}
	default:
		columns = []string{b.mode, b.zone, "0 0 0 0 0", "utf8mb4", "utf8mb4", "utf8mb4", "utf8mb4_general_ci", "1", "1", "1", "1",
			"1", "1", "REPEATABLE-READ", "1", "50", "86400", b.initConnect, b.wait, b.wait, b.version}
	}
	row := make([][]byte, len(columns))
	for i, c := range columns {
		row[i] = []byte(c)
	}
	return [][][]byte{row}, nil
}

// TestDefaultsOfOneServer fails each answer in turn that another server gives
// when the global variables are read again: a new session begins with all of
// what the one server said or all of what the other did, never with a mixture.
func TestDefaultsOfOneServer(t *testing.T) {
	old := defaultsServer{mode: "STRICT_TRANS_TABLES", zone: "+00:00", wait: "100", version: "9.0", utf8mb4: "utf8mb4_general_ci", honours: true}
	other := defaultsServer{mode: "ANSI_QUOTES", zone: "+02:00", initConnect: "SET @x = 1", wait: "200", version: "9.1", utf8mb4: "utf8mb4_0900_ai_ci"}
	ctx := context.Background()
	for failing := 1; ; failing++ {
		b := old
		d := &serverDefaults{query: func(ctx context.Context, sql string) ([][][]byte, error) { return b.query(ctx, sql) },
			dialect: func() schema.Dialect { return schema.MySQL },
			lacks: func(context.Context, []string) (map[string]bool, error) {
				return map[string]bool{"LACKED BY " + b.version: true}, b.answer()
			},
			honours: func(context.Context) (bool, error) { return b.honours, b.answer() },
		}
		said := func(s defaultsServer) string {
			return fmt.Sprintln(s.mode, s.zone, s.wait+"s", s.honours, s.honours && s.initConnect == "", map[string]bool{"LACKED BY " + s.version: true}, s.utf8mb4, s.utf8mb4)
		}
		known := func() string {
			return fmt.Sprintln(d.vars.modeText, d.vars.zone, fmt.Sprintf("%.0fs", d.wait.Seconds()), d.honoured, d.plain, d.missing(), d.utf8mb4, d.collations[45].name)
		}
		if err := d.read(ctx); err != nil {
			t.Fatal(err)
		}
		if known() != said(old) {
			t.Fatalf("known is %s; the server said %s", known(), said(old))
		}
		b = other
		b.failing = failing
		err := d.read(ctx)
		if err == nil {
			if known() != said(other) {
				t.Fatalf("known is %s; the other server said %s", known(), said(other))
			}
			if failing == 1 {
				t.Fatal("the other server was not asked")
			}
			return
		}
		if !errors.Is(err, errAway) {
			t.Fatal(err)
		}
		if known() != said(old) {
			t.Errorf("the answer %d of the other server is an error: known is %s instead of %s", failing, known(), said(old))
		}
	}
}
