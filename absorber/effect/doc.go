// Package effect marks the places where the absorber acts on the outside:
// Redis, MySQL, the queue. Each such place carries its effect out through a
// Hook, under the label that errors carry too (row.Error.Op). In production
// the hook is nil and the effect simply happens; a test puts one in that lets
// the effect fail before it happens, after it, or instead of it, or that takes
// the process for dead from there on.
//
// DESIGN.md, "Side effects", lists the labels.
package effect
