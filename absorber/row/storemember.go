package row

import (
	"bytes"
	"math/bits"
	"strconv"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// member finds the first member that the column's collation calls equal to s;
// -1 if there is none. ok is false if that cannot be told.
func member(c *schema.Column, d schema.Dialect, s []byte) (at int, ok bool) {
	coll := collatorFor(d, c)
	if coll == nil || len(s) > 0 && s[len(s)-1] == ' ' {
		return -1, false
	}
	if _, _, fit := fits(s, c.Charset); !fit {
		return -1, false
	}
	for i, m := range c.Members {
		equal, known := m == string(s), true
		if !equal {
			equal, known = coll.equal([]byte(m), s)
		}
		if !known {
			return -1, false
		}
		if equal {
			return i, true
		}
	}
	return -1, true
}

// storeEnum takes a member by name or by number.
func storeEnum(c *schema.Column, v Value, d schema.Dialect) ([]byte, bool) {
	switch v.Kind {
	case KindInt, KindUint:
		n, err := strconv.ParseUint(string(v.Text), 10, 16)
		if err != nil || n == 0 || n > uint64(len(c.Members)) {
			return nil, false
		}
		return []byte(c.Members[n-1]), true
	case KindString:
		at, ok := member(c, d, v.Text)
		if !ok || at < 0 {
			return nil, false
		}
		return []byte(c.Members[at]), true
	}
	return nil, false
}

// storeSet takes a list of members or their bit mask.
func storeSet(c *schema.Column, v Value, d schema.Dialect) ([]byte, bool) {
	if len(c.Members) == 0 || len(c.Members) > 64 {
		return nil, false
	}
	var mask uint64
	switch v.Kind {
	case KindInt, KindUint:
		var err error
		if mask, err = strconv.ParseUint(string(v.Text), 10, 64); err != nil || bits.Len64(mask) > len(c.Members) {
			return nil, false
		}
	case KindString:
		for rest := v.Text; len(rest) > 0; {
			name, after, more := bytes.Cut(rest, []byte{','})
			at, ok := member(c, d, name)
			if !ok || at < 0 || more && len(after) == 0 {
				return nil, false
			}
			mask |= 1 << at
			rest = after
		}
	default:
		return nil, false
	}
	out := []byte{}
	for i, m := range c.Members {
		if mask>>i&1 == 1 {
			if len(out) > 0 {
				out = append(out, ',')
			}
			out = append(out, m...)
		}
	}
	return out, true
}

// setBits is the mask of a SET's stored form.
func setBits(c *schema.Column, stored []byte) (mask uint64, ok bool) {
	if len(stored) == 0 {
		return 0, true
	}
	for name := range strings.SplitSeq(string(stored), ",") {
		found := false
		for i, m := range c.Members {
			if m == name && i < 64 {
				mask |= 1 << i
				found = true
				break
			}
		}
		if !found {
			return 0, false
		}
	}
	return mask, true
}
