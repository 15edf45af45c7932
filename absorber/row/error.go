package row

import (
	"fmt"
	"strings"
)

// Kind says what may be done about an Error.
type Kind uint8

const (
	// Permanent errors come back whenever the same thing is tried again.
	Permanent Kind = iota
	// Transient errors pass: try again with backoff.
	Transient
	// Ambiguous errors leave open whether the effect happened; ask before
	// trying again, or use an idempotent call.
	Ambiguous
	// Fenced errors say that another owner has taken over: stop.
	Fenced
)

// String names the kind as logs and metrics show it.
func (k Kind) String() string {
	return [...]string{"permanent", "transient", "ambiguous", "fenced"}[k]
}

// Error is the one error type of the pipeline's parts (wal, queue, sink).
// Op is the label of the side effect, the same in logs, metrics and fault
// injection ("wal.commit", "queue.publish", "sink.apply"). Hint tells the
// operator what to do and is empty when there is nothing to do but wait.
type Error struct {
	Op   string
	Lane Lane
	LSN  LSN
	Kind Kind
	Hint string
	Err  error
}

// Error prints op, place, cause and hint on one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Lane != "" {
		fmt.Fprintf(&b, " lane %s", e.Lane)
	}
	if e.LSN != 0 {
		fmt.Fprintf(&b, " lsn %d", e.LSN)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, " (%s)", e.Hint)
	}
	return b.String()
}

// Unwrap gives the cause to errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Err }
