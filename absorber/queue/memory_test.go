package queue

import (
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// A relay that runs further ahead than the window pushes out records that are
// still needed; the drainer is told, and gets them when they come again.
func TestMemoryOverrun(t *testing.T) {
	q := closing(t, NewMemory())
	publish(t, q, laneA, 1, window)
	expect(t, q, laneA, 0, 10)
	publish(t, q, laneA, window+1, window+20)
	expectGap(t, q, laneA, 10)
	publish(t, q, laneA, 11, window)
	expect(t, q, laneA, 10, window+10)
	// The refill has pushed out the upper ten in turn.
	expectGap(t, q, laneA, window+10)
	publish(t, q, laneA, window+11, window+20)
	expect(t, q, laneA, window+10, window+20)
}

// A relay that keeps to the window never does that, however far it gets.
func TestMemoryWithinWindow(t *testing.T) {
	q := closing(t, NewMemory())
	publish(t, q, laneA, 1, window)
	for at := 0; at < 5*window; at += window / 4 {
		expect(t, q, laneA, row.LSN(at), row.LSN(at+window/4))
		forget(t, q, laneA, row.LSN(at+window/4))
		publish(t, q, laneA, row.LSN(at+window+1), row.LSN(at+window+window/4))
	}
}
