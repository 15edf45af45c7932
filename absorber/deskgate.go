package absorber

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// gateOwner is by what name the lane's drainer holds gates. It is the same for
// all processes: who takes the lane over gives back what its predecessor held.
func (d *drainer) gateOwner() string { return "desk:" + string(d.w.cfg.Lane) }

// gateLease is how long the gates last without this process. It is longer than
// a lane's lease: whoever takes the lane over has looked at the applied
// requests, and cleared the cache, before a commit can pass the gate.
func (d *drainer) gateLease() time.Duration { return 3 * d.w.cfg.LeaseTTL }

// closeGates closes the gates of the chain's tables that are open. errNotNow:
// somebody else has one, or commits have their turn.
//
// They are held in the name of the MySQL connection that will commit the chain:
// if this process stalls for longer than the gates last, whoever opens them has
// ended that connection, and seen it gone.
func (d *drainer) closeGates(ctx context.Context, r *sink.Request, w *chainWork) error {
	c := &d.desk
	var conn uint64
	err := d.desk.trouble.do(ctx, func(ctx context.Context) (err error) {
		conn, err = d.w.cfg.Desk.Connection(ctx, d.w.cfg.Lane, d.epoch, d.checkpoint)
		return err
	})
	if err != nil {
		return err
	}
	if c.holder == 0 {
		c.holder, c.gates, c.until = r.ID, map[string]bool{}, time.Now().Add(d.gateLease()/2)
	}
	same := c.conn == conn
	for _, table := range w.tables {
		if c.gates[table] && same {
			continue
		}
		how := wal.JoinFirst
		if len(c.gates) > 0 {
			how = wal.JoinHolding
		}
		var gated bool
		err := d.settle.do(ctx, func(ctx context.Context) error {
			_, err := d.w.cfg.Rows.JoinGate(ctx, d.w.cfg.Lane, table, d.gateOwner(), conn, d.gateLease(), how)
			if gated = errors.Is(err, wal.ErrGated) || superseded(err); gated {
				return nil
			}
			return err
		})
		if err != nil {
			return err
		}
		if gated {
			d.letGo(ctx)
			d.note(ctx, r, fmt.Sprintf("waits for the statements that hold the gate of %s", table))
			return errNotNow
		}
		c.gates[table] = true
	}
	c.conn = conn
	return nil
}

// superseded reports whether somebody else has taken over: a lane, or a gate of
// which the lease has ended (of a predecessor that died, until it is swept).
func superseded(err error) bool {
	var e *row.Error
	return errors.As(err, &e) && e.Kind == row.Fenced
}

// letGo gives back all gates that are held.
func (d *drainer) letGo(ctx context.Context) {
	c := &d.desk
	if c.holder == 0 {
		return
	}
	lctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.w.cfg.Grace)
	defer cancel()
	for table := range c.gates {
		d.leave(lctx, table)
	}
	c.holder, c.gates, c.conn = 0, nil, 0
}

// openGates opens the gates that a request's rows were behind.
func (d *drainer) openGates(ctx context.Context, r *sink.Request, rows []wal.RowKey) {
	if d.desk.holder == r.ID {
		d.letGo(ctx)
		return
	}
	seen := map[string]bool{}
	for _, k := range rows {
		if !seen[k.Table] && !d.desk.gates[k.Table] {
			seen[k.Table] = true
			d.leave(ctx, k.Table)
		}
	}
}

// leave opens one gate. One that cannot be opened opens when its lease ends.
func (d *drainer) leave(ctx context.Context, table string) {
	if err := d.w.cfg.Rows.LeaveGate(ctx, d.w.cfg.Lane, table, d.gateOwner()); err != nil {
		d.w.log.Warn("a gate stays closed until its lease ends", "table", table, "error", err)
	}
}
