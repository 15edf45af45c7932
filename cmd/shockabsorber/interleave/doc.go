// Package interleave plays random interleavings of two to four sessions against a
// database directly and through two proxies in front of the same server, and
// compares every answer and, in the end, the tables.
package interleave
