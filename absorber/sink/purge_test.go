package sink

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Answered requests go when they are old, by the time of their answer; those
// that are not done with stay, however old.
func TestPurge(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s := w.open(t, "")
		if err := s.Ensure(t.Context()); err != nil {
			t.Fatal(err)
		}
		var rows []string
		add := func(state, created, updated string) {
			rows = append(rows, fmt.Sprintf("('main','retry',1,'me',NOW(6) - INTERVAL %s,'%s','',NOW(6) - INTERVAL %s)", created, state, updated))
		}
		for _, state := range []string{"open", "applied", "done", "failed"} {
			add(state, "30 DAY", "30 DAY")
			add(state, "30 DAY", "1 HOUR") // answered lately
		}
		for range 2 * purgeAtOnce {
			add("done", "9 DAY", "8 DAY")
		}
		w.db.Exec(t, w.name, "INSERT INTO requests (lane,verb,letter,asked_by,created,state,result,updated) VALUES "+strings.Join(rows, ","))
		if n, err := s.Purge(t.Context(), 7*24*time.Hour); n != 2*purgeAtOnce+2 || err != nil {
			t.Errorf("%d requests were deleted, %v", n, err)
		}
		left, err := s.LatestRequests(t.Context())
		var states []string
		for _, r := range left {
			states = append(states, string(r.State))
		}
		if got := strings.Join(states, " "); err != nil || got != "failed done applied applied open open" {
			t.Errorf("left are %s, %v", got, err)
		}
		if n, err := s.Purge(t.Context(), 7*24*time.Hour); n != 0 || err != nil {
			t.Errorf("again: %d, %v", n, err)
		}
	})
}
