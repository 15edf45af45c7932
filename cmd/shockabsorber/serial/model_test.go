package serial

import (
	"testing"

	"github.com/anishathalye/porcupine"
)

// TestModel: the checker finds what no serial order explains.
func TestModel(t *testing.T) {
	read := func(row, v int) event { return event{row: row, value: v} }
	write := func(row, v int) event { return event{row: row, value: v, write: true} }
	op := func(call, ret int64, ok bool, events ...event) porcupine.Operation {
		return porcupine.Operation{ClientId: int(call), Input: events, Call: call, Return: ret, Output: ok}
	}
	for name, c := range map[string]struct {
		want    porcupine.CheckResult
		history []porcupine.Operation
	}{
		"one after the other": {porcupine.Ok, []porcupine.Operation{op(0, 1, true, read(0, 0), write(0, 5)), op(2, 3, true, read(0, 5), write(1, 6)), op(4, 5, true, read(0, 5), read(1, 6))}},
		"own write":           {porcupine.Ok, []porcupine.Operation{op(0, 1, true, write(0, 5), read(0, 5))}},
		"lost update":         {porcupine.Illegal, []porcupine.Operation{op(0, 9, true, read(0, 0), write(0, 5)), op(1, 8, true, read(0, 0), write(0, 6))}},
		"write skew":          {porcupine.Illegal, []porcupine.Operation{op(0, 9, true, read(0, 0), write(1, 5)), op(1, 8, true, read(1, 0), write(0, 6))}},
		"half a transaction":  {porcupine.Illegal, []porcupine.Operation{op(0, 1, true, write(0, 5), write(1, 6)), op(2, 3, true, read(0, 5), read(1, 0))}},
		"an old read":         {porcupine.Illegal, []porcupine.Operation{op(0, 1, true, write(0, 5)), op(2, 3, true, read(0, 0))}},
		"unknown, and done":   {porcupine.Ok, []porcupine.Operation{op(0, 99, false, write(0, 5)), op(2, 3, true, read(0, 5))}},
		"unknown, not done":   {porcupine.Ok, []porcupine.Operation{op(0, 99, false, write(0, 5)), op(2, 3, true, read(0, 0))}},
		"unknown, and undone": {porcupine.Illegal, []porcupine.Operation{op(0, 99, false, write(0, 5)), op(2, 3, true, read(0, 5)), op(4, 5, true, read(0, 0))}},
		"unknown, and half":   {porcupine.Illegal, []porcupine.Operation{op(0, 99, false, write(0, 5), write(1, 6)), op(2, 3, true, read(0, 5)), op(4, 5, true, read(1, 0))}},
	} {
		if got := explained(c.history); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if text := firstWrong(c.history); c.want == porcupine.Illegal && text == "" {
			t.Errorf("%s: nothing is printed", name)
		}
	}
}
