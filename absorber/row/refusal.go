package row

import (
	"fmt"
	"strconv"
	"strings"
)

// Refusal is what a restart of Redis makes of the queue: records above Above that
// were published under an epoch before Before are of units that Redis has lost, or
// of an owner who did not know that. They are not the lane's.
type Refusal struct {
	Above  LSN
	Before Epoch
}

// Refusals are those of a lane, in their order.
type Refusals []Refusal

// Hold reports whether a record of lsn, published under epoch, is refused.
func (r Refusals) Hold(lsn LSN, epoch Epoch) bool {
	for _, f := range r {
		if lsn > f.Above && epoch < f.Before {
			return true
		}
	}
	return false
}

// Or is the one of two lists that a later owner has set.
func (r Refusals) Or(other Refusals) Refusals {
	if other.Epoch() > r.Epoch() {
		return other
	}
	return r
}

// String is the list as it stands in Redis and in MySQL: "above:before ...".
func (r Refusals) String() string {
	var b strings.Builder
	for i, f := range r {
		fmt.Fprintf(&b, "%s%d:%d", strings.Repeat(" ", min(i, 1)), f.Above, f.Before)
	}
	return b.String()
}

// ParseRefusals is the inverse of String.
func ParseRefusals(text string) (out Refusals, err error) {
	for _, pair := range strings.Fields(text) {
		above, before, _ := strings.Cut(pair, ":")
		lsn, err := strconv.ParseUint(above, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("records that are refused: %w", err)
		}
		epoch, err := strconv.ParseUint(before, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("records that are refused: %w", err)
		}
		out = append(out, Refusal{LSN(lsn), Epoch(epoch)})
	}
	return out, nil
}

// Epoch is the lowest under which an owner may publish: 0 for any.
func (r Refusals) Epoch() Epoch {
	if len(r) == 0 {
		return 0
	}
	return r[len(r)-1].Before
}
