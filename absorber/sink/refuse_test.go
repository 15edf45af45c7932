package sink

import (
	"reflect"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// TestNoteRefused: what an owner has noted is what the next one finds, and a
// former one does not change it. The longest list that Redis keeps fits.
func TestNoteRefused(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		first, cp := w.owned(t, "main")
		if cp.Refused != nil {
			t.Fatalf("a new lane refuses %v", cp.Refused)
		}
		var list row.Refusals
		for range 64 {
			list = append(list, row.Refusal{Above: 1<<64 - 1, Before: 1<<64 - 1})
		}
		for range 2 { // again, as after a lost reply
			if err := first.NoteRefused(t.Context(), "main", cp.Epoch, list); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := first.Checkpoint(t.Context(), "main"); err != nil || !reflect.DeepEqual(got.Refused, list) {
			t.Errorf("%v, refused are %v", err, got.Refused)
		}
		second := w.open(t, "")
		now, err := second.Takeover(t.Context(), "main", 0)
		if err != nil || !reflect.DeepEqual(now, Checkpoint{Epoch: cp.Epoch + 1, Refused: list}) {
			t.Fatalf("%v, the next owner finds %+v", err, now)
		}
		for err = first.NoteRefused(t.Context(), "main", cp.Epoch, nil); ; err = first.NoteRefused(t.Context(), "main", cp.Epoch, nil) {
			if e := expectKindIn(t, err, row.Transient, row.Fenced); e.Kind == row.Fenced {
				break // behind the end of its connection
			}
		}
		if got, err := second.Checkpoint(t.Context(), "main"); err != nil || !reflect.DeepEqual(got, now) {
			t.Errorf("%v, a former owner has changed it to %+v", err, got)
		}
	})
}
