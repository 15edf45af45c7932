package faults

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// mode is how a call fails.
type mode int

const (
	before     mode = iota // the connection breaks before the effect
	after                  // the effect takes place and its reply is lost
	instead                // the server answers with an error
	diesBefore             // the process dies before the effect
	diesAfter              // the process dies after it
)

var modes = []mode{before, after, instead, diesBefore, diesAfter}

func (m mode) String() string {
	return [...]string{"before", "after", "instead", "dies before", "dies after"}[m]
}

// errCut is what a caller is told whose connection broke.
var errCut = errors.New("injected: the connection broke")

// redisRefusal is an error reply of Redis.
type redisRefusal string

func (r redisRefusal) Error() string { return string(r) }
func (redisRefusal) RedisError()     {}

// refusal is a passing error of the server that a label's effect is on. The
// queue's may be Kafka: it has no type that could be mistaken.
func refusal(op string) error {
	switch {
	case strings.HasPrefix(op, "sink."), strings.HasPrefix(op, "engine."):
		return &mysql.MyError{Code: mysql.ER_LOCK_DEADLOCK, State: "40001", Message: "injected: deadlock"}
	default:
		return redisRefusal("LOADING injected: Redis is loading the dataset in memory")
	}
}

// fault lets call number at under a label fail, or that and all later ones. It
// counts the calls of all processes.
type fault struct {
	op    string
	at    int
	mode  mode
	stays bool

	mu    sync.Mutex
	off   bool
	calls map[string]int
	hit   bool
}

func (f *fault) String() string { return fmt.Sprintf("%s #%d, %s", f.op, f.at, f.mode) }

// act is the hook of process p.
func (f *fault) act(p *process, op string, do func() error) error {
	if p.dead.Load() {
		return errCut
	}
	f.mu.Lock()
	mine := !f.off && op == f.op && (f.calls[op] == f.at || f.stays && f.calls[op] > f.at)
	if !f.off {
		f.calls[op]++
	}
	f.hit = f.hit || mine
	f.mu.Unlock()
	if !mine {
		return do()
	}
	switch f.mode {
	case instead:
		return refusal(op)
	case after, diesAfter:
		_ = do() // whatever it says is lost
	}
	if f.mode >= diesBefore {
		p.kill()
	}
	return errCut
}

// heal ends the time of faults and reports whether it has come.
func (f *fault) heal() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.off = true
	return f.hit
}

// reached are the labels that were met.
func (f *fault) reached() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ops []string
	for op := range f.calls {
		ops = append(ops, op)
	}
	return ops
}

// happened reports whether the fault's turn has come.
func (f *fault) happened() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hit
}
