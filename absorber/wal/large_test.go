package wal

import (
	"errors"
	"strings"
	"testing"
)

// A unit that is larger than the caller's limit, or than one script call, is
// refused before anything is sent; the same writer goes on.
func TestTooLarge(t *testing.T) {
	conform(t, []scenario{{"too large", func(e *env) {
		c := e.unit("a").put("k", strings.Repeat("x", 5000))
		c.MaxBytes = 5000
		e.refuse(c, ErrTooLarge)
		c = e.unit("a").put("k", strings.Repeat("x", 5000))
		c.MaxBytes = 6000
		if lsn := e.commit(c); lsn != 1 {
			e.Errorf("the first LSN is %d", lsn)
		}
		c = e.unit("a")
		for range 300_000 {
			c.put("same", "v")
		}
		if _, err := e.s.Commit(e.ctx, c); !errors.Is(err, ErrTooLarge) {
			e.Errorf("300,000 rows gave %v", err)
		}
		if lsn := e.commit(e.unit("a").put("l", "v")); lsn != 2 {
			e.Errorf("the next LSN is %d", lsn)
		}
	}}})
}
