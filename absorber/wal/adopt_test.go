package wal

import (
	"errors"
	"testing"
)

// TestAdopt: a restart of Redis closes a lane; it opens again by itself only
// if nothing that anybody knows of is missing.
func TestAdopt(t *testing.T) {
	conform(t, []scenario{
		{"a restart that lost nothing", adoptIntact},
		{"a lane that is shorter than others know", adoptShort},
		{"a lane that is gone", adoptGone},
	})
}

func adoptIntact(e *env) {
	e.commit(e.unit("a").put("k", "v"))
	if err := e.rdb.ScriptFlush(e.ctx).Err(); err != nil {
		e.Fatal(err)
	}
	e.refuse(e.unit("a").put("k", "v"), ErrLost)
	if err := e.s.Usable(main0); !errors.Is(err, ErrLost) {
		e.Fatalf("usable gave %v", err)
	}
	if err := e.s.Adopt(e.ctx, main0, 1); err != nil {
		e.Fatalf("adopt: %v", err)
	}
	if err := e.s.Usable(main0); err != nil {
		e.Fatalf("usable gave %v", err)
	}
	if lsn := e.commit(e.unit("a").put("k", "w")); lsn != 2 {
		e.Errorf("the next LSN is %d", lsn)
	}
}

func adoptShort(e *env) {
	e.commit(e.unit("a").put("k", "v"))
	if err := e.rdb.ScriptFlush(e.ctx).Err(); err != nil {
		e.Fatal(err)
	}
	e.refuse(e.unit("a").put("k", "v"), ErrLost)
	if err := e.s.Adopt(e.ctx, main0, 2); !errors.Is(err, ErrLost) {
		e.Errorf("adopt gave %v", err)
	}
	e.refuse(e.unit("a").put("k", "v"), ErrLost)
}

func adoptGone(e *env) {
	e.commit(e.unit("a").put("k", "v"))
	if err := e.rdb.FlushAll(e.ctx).Err(); err != nil {
		e.Fatal(err)
	}
	e.wantLost()
	if err := e.s.Adopt(e.ctx, main0, 0); !errors.Is(err, ErrLost) {
		e.Errorf("adopt gave %v", err)
	}
}
