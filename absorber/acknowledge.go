package absorber

import (
	"context"
	"errors"
	"fmt"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// stamp is the place that a commit gave a unit; LSN 0: nothing had to be written.
type stamp struct {
	lsn     row.LSN
	receipt wal.Receipt
}

// acknowledge returns when the unit is as safe as its table's durability asks
// for. For "redis" and "replica" it is so already. For "kafka" it waits, after
// the turn at the rows has been given up, until the relay, of whichever
// process, has published the unit and all in-sync replicas have it.
//
// The error is Ambiguous: the unit stands in the log and takes its way, and
// other sessions see its rows. Whoever sent it must not send it again.
func (e *Engine) acknowledge(ctx context.Context, u *Usage, t *schema.Table, s stamp) error {
	if s.lsn == 0 || e.options(t).Durability != DurableKafka {
		return nil
	}
	lane := e.lane(t)
	wctx, cancel := context.WithTimeout(ctx, e.cfg.BarrierTimeout)
	defer cancel()
	var err error
	if aerr := e.Aside(u, func() error { err = e.store.AwaitRelayed(wctx, lane, s.receipt, s.lsn); return nil }); err == nil {
		err = aerr
	}
	if err == nil {
		return nil
	}
	e.metrics.unconfirmed.Inc()
	out := &row.Error{Op: "absorber.acknowledge", Lane: lane, LSN: s.lsn, Kind: row.Ambiguous,
		Err:  fmt.Errorf("the write stands in the write-ahead log, and Kafka has not confirmed it yet (%v)", err),
		Hint: "it is accepted and will reach Kafka and MySQL: do not send it again (operator: see whether the brokers run, and the log of the process that drains the lane)"}
	if errors.Is(err, wal.ErrLost) {
		out.Err = errors.New("Redis was lost before Kafka had confirmed the write")
		out.Hint = "if Kafka had it, it will appear once the lane is rebuilt, else it will not: read the row before writing again"
	}
	return out
}
