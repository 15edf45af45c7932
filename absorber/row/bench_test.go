package row_test

import (
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// payment is a row of twelve columns such as applications write.
func payment() (columns []schema.Column, values []row.Value) {
	text := func(c schema.Column) schema.Column {
		c.Charset, c.Collation = "utf8mb4", "utf8mb4_general_ci"
		return c
	}
	add := func(c schema.Column, kind row.ValueKind, s string) {
		columns = append(columns, c)
		values = append(values, row.Value{Kind: kind, Text: []byte(s)})
	}
	add(schema.Column{Type: schema.Bigint, Unsigned: true}, row.KindInt, "123456789")
	add(text(schema.Column{Type: schema.Char, Length: 36}), row.KindString, "5f0c1f5e-8d1b-4a30-9f0e-6a1b2c3d4e5f")
	add(schema.Column{Type: schema.Int}, row.KindInt, "4711")
	add(schema.Column{Type: schema.Decimal, Precision: 12, Scale: 2}, row.KindString, "1299.90")
	add(text(schema.Column{Type: schema.Char, Length: 3}), row.KindString, "EUR")
	add(text(schema.Column{Type: schema.Enum, Members: []string{"created", "paid", "failed"}}), row.KindString, "paid")
	add(schema.Column{Type: schema.Tinyint}, row.KindInt, "1")
	add(text(schema.Column{Type: schema.Varchar, Length: 255}), row.KindString, "Order 4711 of customer Müller, express")
	add(schema.Column{Type: schema.Datetime, Fsp: 6}, row.KindString, "2026-11-22 20:01:02.123456")
	add(schema.Column{Type: schema.Timestamp}, row.KindString, "2026-11-22 20:01:02")
	add(schema.Column{Type: schema.Double, Scale: -1}, row.KindFloat, "0.1925")
	add(schema.Column{Type: schema.JSON, Charset: "utf8mb4"}, row.KindString, `{"ip":"10.0.0.1","tries":1}`)
	return columns, values
}

func BenchmarkStoreRow(b *testing.B) {
	columns, values := payment()
	mode := row.StoreMode{Strict: true, Location: time.UTC}
	b.ReportAllocs()
	for b.Loop() {
		for i := range columns {
			if _, ok := row.Store(&columns[i], values[i], mode); !ok {
				b.Fatalf("column %d is not clean", i)
			}
		}
	}
}

func BenchmarkAppendTo(b *testing.B) {
	_, values := payment()
	var im row.Image
	for _, v := range values {
		im = append(im, v.Text)
	}
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = im.AppendTo(buf[:0])
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkDecodeImage(b *testing.B) {
	_, values := payment()
	var im row.Image
	for _, v := range values {
		im = append(im, v.Text)
	}
	buf := im.AppendTo(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := row.DecodeImage(buf, len(im)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeKey(b *testing.B) {
	columns, values := payment()
	for _, c := range []struct {
		name string
		at   int
	}{{"bigint", 0}, {"uuid", 1}, {"varchar", 7}, {"decimal", 3}} {
		b.Run(c.name, func(b *testing.B) {
			table, key := keyed(columns[c.at]), [][]byte{values[c.at].Text}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := row.EncodeKey(table, key); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
