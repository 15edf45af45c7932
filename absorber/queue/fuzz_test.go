package queue

import (
	"encoding/binary"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// FuzzPosition: what stands in a commit's metadata is read as it was written,
// whatever the lane is called, and anything else is refused or written alike.
func FuzzPosition(f *testing.F) {
	f.Add("main@7", "main", uint64(7))
	f.Add("@", "a@b@", uint64(1<<63))
	f.Fuzz(func(t *testing.T, text, lane string, lsn uint64) {
		p := position{row.Lane(lane), row.LSN(lsn)}
		if got, ok := parsePosition(p.String()); !ok || got != p {
			t.Errorf("%q was read as %+v, %v", p, got, ok)
		}
		if got, ok := parsePosition(text); ok {
			if again, ok := parsePosition(got.String()); !ok || again != got {
				t.Errorf("%q was read as %+v, which is %q", text, got, got)
			}
		}
	})
}

// record is a Kafka record as Publish writes it.
func record(lane string, lsn uint64, inc string, data []byte) *kgo.Record {
	return &kgo.Record{Key: []byte(lane), Value: data, Headers: []kgo.RecordHeader{
		{Key: headerLSN, Value: binary.BigEndian.AppendUint64(nil, lsn)}, {Key: headerIncarnation, Value: []byte(inc)}}}
}

// FuzzRecords: a reader is given any sequence of records, repeats, gaps and
// foreign ones among them: what it hands out follows one another, each once.
func FuzzRecords(f *testing.F) {
	f.Add([]byte{1, 2, 3, 3, 2, 4}, uint8(0))
	f.Add([]byte{1, 3, 2, 3, 4, 255, 5}, uint8(7))
	f.Add([]byte{9, 8, 7, 1, 2, 3}, uint8(3))
	f.Fuzz(func(t *testing.T, lsns []byte, odd uint8) {
		const lane = row.Lane("main")
		r := &reader{next: 1}
		var out []wal.Record
		for i, n := range lsns {
			rec := record("main", uint64(n), "i", []byte{n})
			if odd > 0 && i%(int(odd)+1) == int(odd) {
				switch i % 4 {
				case 0:
					rec.Key = []byte("another")
				case 1:
					rec.Headers = rec.Headers[1:]
				case 2:
					rec.Headers[0].Value = rec.Headers[0].Value[:odd%8]
				default:
					rec.Key = nil
				}
			}
			if got, needed := r.take(lane, rec, nil); needed {
				out = append(out, got)
			}
		}
		for i, rec := range out {
			if rec.LSN != row.LSN(i+1) || len(rec.Data) != 1 || rec.Data[0] != byte(i+1) || rec.Incarnation != "i" {
				t.Fatalf("record %d of %v is %+v", i, lsns, rec)
			}
		}
		if int(r.next) != len(out)+1 {
			t.Errorf("after %d records the next is %d", len(out), r.next)
		}
	})
}

// FuzzStream: entries of a stream that somebody else may have written to are
// refused, or follow one another from the place asked for.
func FuzzStream(f *testing.F) {
	f.Add("1-0", "2-0", "d", uint64(0))
	f.Add("18446744073709551615-0", "0-0", "d", uint64(1<<64-2))
	f.Add("x", "", "e", uint64(0))
	f.Fuzz(func(t *testing.T, a, b, field string, after uint64) {
		recs, err := decodeStream([]redis.XMessage{{ID: a, Values: map[string]any{field: "x", "i": 7}}, {ID: b, Values: map[string]any{"d": "y"}}}, row.LSN(after))
		if err != nil {
			return
		}
		for i, rec := range recs {
			if rec.LSN != row.LSN(after)+row.LSN(i)+1 {
				t.Errorf("behind %d came %d", after, rec.LSN)
			}
		}
		lsnOf(a)
	})
}
