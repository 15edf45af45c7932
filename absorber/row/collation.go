package row

import (
	"bytes"
	"strings"
	"sync"
	"unicode/utf8"

	"vitess.io/vitess/go/mysql/collations"
	"vitess.io/vitess/go/mysql/collations/colldata"
)

// environment names the collations as MySQL 8 and later do. MariaDB uses the
// same names and weights for those weighed here.
var environment = sync.OnceValue(func() *collations.Environment {
	return collations.NewEnvironment("8.4.0")
})

// collator weighs the text of one collation.
type collator struct {
	charset string
	weights colldata.Collation // nil: the bytes of the character set are the weights
	width   int                // bytes of one weight, where pad is set
	pad     []byte             // weight of a space for PAD SPACE, nil for NO PAD
	// single has the weights of ASCII characters, two bytes each, where a
	// character's weight does not depend on its neighbours (general_ci).
	single []byte
}

// collators has a *collator for each name asked for, nil where the collation
// cannot be weighed exactly.
var collators sync.Map

// collatorOf finds the collator of a collation by its name; nil if its weights
// are not known exactly.
func collatorOf(name string) *collator {
	if c, ok := collators.Load(name); ok {
		return c.(*collator)
	}
	c := newCollator(name)
	collators.Store(name, c)
	return c
}

// CollationExact reports whether equality and order of a collation are known
// here exactly as the server has them. Only the character sets utf8mb4,
// utf8mb3, latin1, ascii and binary are considered. Not known: MariaDB's
// uca1400 and nopad collations, collations that the two servers order
// differently under one name, and whatever is not in the tables.
func CollationExact(name string) bool { return collatorOf(name) != nil }

// newCollator builds the collator of a collation, nil if it has none.
func newCollator(name string) *collator {
	if rest, ok := strings.CutPrefix(name, "utf8_"); ok {
		name = "utf8mb3_" + rest
	}
	charset, _, _ := strings.Cut(name, "_")
	c := &collator{charset: charset, width: 2}
	switch name {
	case "binary", "utf8mb4_0900_bin":
		return c
	case "utf8mb4_bin", "utf8mb3_bin", "latin1_bin", "ascii_bin":
		c.width, c.pad = 1, []byte{' '}
		return c
	}
	if inexact(name) {
		return nil
	}
	id := environment().LookupByName(name)
	if id == collations.Unknown {
		return nil
	}
	c.weights = colldata.Lookup(id)
	if c.weights == nil {
		return nil
	}
	if strings.Contains(name, "_0900_") {
		return c
	}
	c.pad = c.weights.WeightString(nil, []byte{' '}, 0)
	switch charset {
	case "latin1", "ascii":
		c.width = 1
	case "utf8mb4", "utf8mb3":
	default:
		return nil
	}
	if len(c.pad) != c.width {
		return nil
	}
	if c.width == 2 && strings.HasSuffix(name, "_general_ci") {
		for b := range utf8.RuneSelf {
			c.single = c.weights.WeightString(c.single, []byte{byte(b)}, 0)
		}
	}
	return c
}

// inexact lists collations whose tables here do not agree with both servers.
func inexact(name string) bool {
	switch {
	case strings.HasSuffix(name, "_croatian_ci"): // MariaDB's differs from MySQL's
		return true
	}
	return false
}

// weigh appends the weights of s, UTF-8 text, to dst. It is false if s is not
// text of the collation's character set.
func (c *collator) weigh(dst, s []byte) ([]byte, bool) {
	if len(c.single) == 2*utf8.RuneSelf && ascii(s) {
		for _, b := range s {
			dst = append(dst, c.single[2*int(b)], c.single[2*int(b)+1])
		}
		return dst, true
	}
	switch c.charset {
	case "binary":
	case "latin1":
		if !ascii(s) {
			converted, ok := toLatin1(make([]byte, 0, len(s)), s)
			if !ok {
				return dst, false
			}
			s = converted
		}
	default:
		if _, _, ok := fits(s, c.charset); !ok {
			return dst, false
		}
	}
	if c.weights == nil {
		return append(dst, s...), true
	}
	if bytes.Contains(s, unweighed) {
		return dst, false
	}
	return c.weights.WeightString(dst, s, 0), true
}

// unweighed is U+FFFF, the one character whose weight is not the servers'.
var unweighed = []byte("\uffff")

// ascii reports whether s has only 7-bit characters.
func ascii(s []byte) bool {
	for _, b := range s {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// equal reports whether the collation calls two texts equal; ok is false if it
// cannot tell.
func (c *collator) equal(a, b []byte) (equal, ok bool) {
	roomA, roomB := borrow(), borrow()
	defer giveBack(roomA)
	defer giveBack(roomB)
	x, okX := c.weigh((*roomA)[:0], a)
	y, okY := c.weigh((*roomB)[:0], b)
	*roomA, *roomB = x, y
	if c.pad != nil {
		x, y = c.trim(x), c.trim(y)
	}
	return bytes.Equal(x, y), okX && okY
}

// trim cuts the trailing weights of spaces.
func (c *collator) trim(w []byte) []byte {
	for len(w) >= c.width && string(w[len(w)-c.width:]) == string(c.pad) {
		w = w[:len(w)-c.width]
	}
	return w
}
