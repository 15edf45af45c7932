package wal

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// refusal is an error reply by which Redis says that it has not run a command.
type refusal struct {
	word string
	kind row.Kind
	hint string
}

// refusals are known by a word of the reply; Redis before 7 puts text of its
// own before it when a script is refused a write. None of them leaves open
// whether the command ran: a script that runs into OOM does so at its first
// write.
var refusals = []refusal{
	{"OOM ", row.Transient, "Redis has reached maxmemory: give it more, raise drain_rate, or set max_backlog so that the backlog fits"},
	{"READONLY ", row.Transient, "this Redis is a replica now: a failover is going on, or the endpoint is not the master's"},
	{"MASTERDOWN ", row.Transient, "this Redis is a replica without its master: a failover is going on, or the endpoint is not the master's"},
	{"LOADING ", row.Transient, "Redis is loading its data; wait"},
	{"BUSY ", row.Transient, "another script has been running in Redis for long; see the Redis slow log"},
	{"MISCONF ", row.Transient, "Redis cannot write its snapshot or append-only file: check its disk"},
	{"NOREPLICAS ", row.Transient, "Redis has fewer replicas than min-replicas-to-write"},
	{"CLUSTERDOWN ", row.Transient, "the Redis cluster does not serve this slot; check cluster nodes"},
	{"TRYAGAIN ", row.Transient, "the Redis cluster is moving this slot; wait"},
	{"ERR max number of clients", row.Transient, "Redis has reached maxclients: raise it or lower pool_size"},
	{"NOSCRIPT ", row.Transient, ""},
	{"NOAUTH ", row.Permanent, "Redis asks for a password: set kvstore.password"},
	{"WRONGPASS ", row.Permanent, "Redis refuses kvstore.username and kvstore.password"},
	{"NOPERM ", row.Permanent, "the Redis user may not do this: allow it the commands and keys of the proxy's prefix"},
	{"CROSSSLOT ", row.Permanent, ""},
}

// classify wraps what went wrong between the store and Redis. Server refusals
// get their kind and hint; anything of the network is Transient, which is
// right for all that may be repeated. Commit judges for itself what is unknown.
func classify(op string, lane row.Lane, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrLost) {
		return err
	}
	e := &row.Error{Op: op, Lane: lane, Kind: row.Transient, Err: err}
	var reply redis.Error
	switch {
	case errors.As(err, &reply):
		if r, ok := refused(err); ok {
			e.Kind, e.Hint = r.kind, r.hint
		} else {
			e.Kind = row.Permanent
		}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, errStopped):
	default:
		e.Hint = "Redis does not answer: check that it runs and that kvstore.endpoints reach it"
	}
	return e
}

// refused reports whether the server's reply says that nothing was run.
func refused(err error) (refusal, bool) {
	text := err.Error()
	for _, r := range refusals {
		if strings.Contains(text, r.word) {
			return r, true
		}
	}
	return refusal{}, false
}

// unsent reports whether a failed call certainly did nothing: it did not leave
// this process, or the server has said so.
func unsent(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return true
	}
	if errors.Is(err, redis.ErrPoolTimeout) || errors.Is(err, redis.ErrPoolExhausted) || errors.Is(err, redis.ErrClosed) {
		return true
	}
	var reply redis.Error
	if errors.As(err, &reply) {
		_, ok := refused(err)
		return ok
	}
	return false
}

// passes reports whether waiting may help.
func passes(err error) bool {
	var e *row.Error
	return errors.As(err, &e) && e.Kind == row.Transient && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}
