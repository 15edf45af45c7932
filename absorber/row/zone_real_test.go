package row_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
	_ "time/tzdata" // the same zones on every machine

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// zone loads a zone of this process into the server's tables under a name that
// only this test uses, and returns it with the instants at which it changes.
func (s *storeServer) zone(place string) (name string, loc *time.Location, changes []time.Time) {
	loc, err := time.LoadLocation(place)
	if err != nil {
		s.t.Fatal(err)
	}
	name = fmt.Sprintf("test/%s/%d", place, rand.Uint32())
	s.exec("INSERT INTO mysql.time_zone (Use_leap_seconds) VALUES ('N')")
	id := s.exec("SELECT CAST(LAST_INSERT_ID() AS CHAR)").RowDatas[0][1:]
	s.exec(fmt.Sprintf("INSERT INTO mysql.time_zone_name VALUES ('%s', %s)", name, id))
	types := map[int]int{}
	at := time.Unix(-1<<31, 0)
	for at.Year() < 2038 && !at.IsZero() {
		start, end := at.In(loc).ZoneBounds()
		abbreviation, offset := at.In(loc).Zone()
		kind, known := types[offset]
		if !known {
			kind = len(types)
			types[offset] = kind
			s.exec(fmt.Sprintf("INSERT INTO mysql.time_zone_transition_type VALUES (%s, %d, %d, 0, '%.8s')", id, kind, offset, abbreviation))
		}
		s.exec(fmt.Sprintf("INSERT INTO mysql.time_zone_transition VALUES (%s, %d, %d)", id, max(start.Unix(), -1<<31), kind))
		if start.Unix() > 0 {
			changes = append(changes, start)
		}
		at = end
	}
	return name, loc, changes
}

// TestTimestampInZones stores wall times around every kind of change of the
// clocks, and prints them again.
func TestTimestampInZones(t *testing.T) {
	eachServer(t, func(s *storeServer, dialect schema.Dialect) {
		t := s.t
		s.exec("CREATE TABLE z (id INT AUTO_INCREMENT PRIMARY KEY, v TIMESTAMP(1) NULL)")
		col := schema.Column{ColumnType: "timestamp(1)", Type: schema.Timestamp, Fsp: 1}
		for _, place := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo"} {
			name, loc, changes := s.zone(place)
			session := storeSession{sqlMode: "STRICT_ALL_TABLES", zone: name, mode: row.StoreMode{Dialect: dialect, Strict: true, Location: loc}}
			s.exec("SET SESSION sql_mode='STRICT_ALL_TABLES', time_zone='" + name + "'")
			var cases []storeCase
			refused := 0
			for _, change := range append(changes, time.Unix(1700000000, 0)) {
				for minutes := -300; minutes <= 300; minutes += 15 {
					// The wall clock before the change, running on through it.
					wall := change.Add(-time.Second).In(loc).Add(time.Duration(minutes)*time.Minute + time.Second)
					_, offset := change.Add(-time.Second).In(loc).Zone()
					text := wall.UTC().Add(time.Duration(offset) * time.Second).Format("2006-01-02 15:04:05.0")
					v := row.Value{Kind: row.KindString, Text: []byte(text)}
					if stored, ok := row.Store(&col, v, session.mode); ok {
						cases = append(cases, storeCase{v, stored})
					} else {
						refused++
					}
				}
			}
			s.literals("z", &col, session, cases)
			for i, r := range s.exec("SELECT v FROM z ORDER BY id").RowDatas {
				text, ok := row.Print(&col, cases[i].stored, loc)
				if !ok || string(text) != string(r[1:]) {
					t.Errorf("%s: %s prints as %q here, %q there", place, cases[i].stored, text, r[1:])
				}
			}
			if len(cases) < 40 || len(changes) > 10 && refused < len(changes) {
				t.Errorf("%s: %d clean, %d refused of %d changes", place, len(cases), refused, len(changes))
			}
		}
	})
}

// TestFloatsOnRealServers compares how floats are printed, and that the stored
// form is exact.
func TestFloatsOnRealServers(t *testing.T) {
	eachServer(t, func(s *storeServer, _ schema.Dialect) {
		t := s.t
		s.exec("SET SESSION sql_mode=''")
		s.exec("CREATE TABLE f (id INT AUTO_INCREMENT PRIMARY KEY, a FLOAT, b FLOAT(9,3), c DOUBLE)")
		columns := []schema.Column{{Type: schema.Float, Scale: -1}, {Type: schema.Float, Precision: 9, Scale: 3}, {Type: schema.Double, Scale: -1}}
		stmt, err := s.conn.Prepare("INSERT INTO f (a, b, c) VALUES (?, ?, ?)")
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(3, 4))
		s.exec("START TRANSACTION")
		var want []float64
		for range 3000 {
			f := math.Float64frombits(rng.Uint64())
			if rng.IntN(2) == 0 {
				f = (rng.Float64() - 0.5) * math.Pow10(rng.IntN(40)-18)
			}
			if math.IsNaN(f) || math.IsInf(f, 0) {
				continue
			}
			want = append(want, f)
			small := float64(float32(f))
			if math.IsInf(small, 0) {
				small = 1
			}
			if _, err := stmt.Execute(small, math.Mod(small, 1e5), f); err != nil {
				t.Fatal(err)
			}
		}
		s.exec("COMMIT")
		var exact [2][][]byte
		for i, name := range []string{"a", "b"} {
			for _, r := range s.exec("SELECT "+name+" AS v FROM f WHERE id > ? ORDER BY id", 0).RowDatas {
				exact[i] = append(exact[i], row.FormatFloat32(math.Float32frombits(uint32(r[2])|uint32(r[3])<<8|uint32(r[4])<<16|uint32(r[5])<<24)))
			}
		}
		for n, r := range s.exec("SELECT a, b, c FROM f ORDER BY id").RowDatas {
			im, err := row.DecodeImage(r, 3)
			if err != nil {
				t.Fatal(err)
			}
			for i := range exact {
				if text, ok := row.Print(&columns[i], exact[i][n], nil); !ok || string(text) != string(im[i]) {
					t.Errorf("FLOAT %s prints as %q here, %q there", exact[i][n], text, im[i])
				}
			}
			if text := row.FormatFloat64(want[n]); string(text) != string(im[2]) {
				t.Errorf("DOUBLE %x prints as %q here, %q there", want[n], text, im[2])
			}
		}
	})
}
