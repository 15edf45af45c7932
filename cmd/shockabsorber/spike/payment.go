package spike

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// createTable is the table a run writes to. It has the kinds of columns that
// are easiest to damage on the way: DECIMAL, JSON, NULL, fractions of seconds,
// text with quotes, backslashes and characters of four bytes.
const createTable = "CREATE TABLE IF NOT EXISTS `%s` (" +
	"id VARCHAR(64) NOT NULL PRIMARY KEY, " +
	"n BIGINT NOT NULL, " +
	"amount DECIMAL(14,2) NOT NULL, " +
	"currency CHAR(3) NOT NULL, " +
	"status VARCHAR(16) NOT NULL, " +
	"payer JSON NOT NULL, " +
	"meta JSON NULL, " +
	"note VARCHAR(255) NULL, " +
	"created_at DATETIME(6) NOT NULL" +
	") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"

// columns are the columns of a payment, in the order of payment.args and scan.
const columns = "id, n, amount, currency, status, payer, meta, note, created_at"

// columnCount is the number of columns.
const columnCount = 9

// payment is one row.
type payment struct {
	ID, Amount, Currency, Status, Payer string
	N                                   int64
	Meta, Note                          sql.NullString
	CreatedAt                           string
}

// notes are texts that a careless layer would change.
var notes = []string{"plain", "it's \"quoted\"", `back\slash \' \n \0`, "smile \U0001F600 and Straße", "  spaces around  ", "", "%_?:name;--", "tab\tand\nnewline"}

// makePayment computes row n of a run.
func makePayment(run string, n int) payment {
	p := payment{
		ID:       rowID(run, n),
		N:        int64(n),
		Amount:   fmt.Sprintf("%d.%02d", 1+n*37%1000000, n%100),
		Currency: []string{"INR", "EUR", "USD"}[n%3],
		Status:   []string{"PENDING", "SUCCESS", "FAILED"}[n/3%3],
		Payer:    fmt.Sprintf(`{"vpa": "user%d@upi", "name": "J\u00f6rg \"J\" Doe", "limits": [1, 2.5, null, true], "n": %d}`, n, n),
		// A fixed calendar: a row's content must not depend on when it is computed.
		CreatedAt: time.Date(2025, 12, 17, 0, 0, n%86400, n*1013%1000000*1000, time.UTC).Format("2006-01-02 15:04:05.000000"),
	}
	if n%4 != 0 {
		p.Note = sql.NullString{String: notes[n%len(notes)], Valid: true}
	}
	if n%5 != 0 {
		p.Meta = sql.NullString{String: fmt.Sprintf(`{"msg_id": "msg_%d", "nested": {"a": {"b": [%d]}}, "empty": {}}`, n, n), Valid: true}
	}
	return p
}

// rowID names row n of a run. All have one length, so that a run is one range
// of the primary key under every collation.
func rowID(run string, n int) string { return fmt.Sprintf("%s-%09d", run, n) }

// args are the values of an INSERT, in the order of columns.
func (p *payment) args() []any {
	return []any{p.ID, p.N, p.Amount, p.Currency, p.Status, p.Payer, p.Meta, p.Note, p.CreatedAt}
}

// scanner is a *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

// scanPayment reads a row selected with columns.
func scanPayment(s scanner) (payment, error) {
	var p payment
	err := s.Scan(&p.ID, &p.N, &p.Amount, &p.Currency, &p.Status, &p.Payer, &p.Meta, &p.Note, &p.CreatedAt)
	return p, err
}

// diff names the first column in which got is not want; "" if none. JSON is
// compared by value: MySQL stores it normalised, MariaDB as it was written.
func diff(want, got payment) string {
	switch {
	case got.ID != want.ID:
		return "id"
	case got.N != want.N:
		return "n"
	case got.Amount != want.Amount:
		return "amount"
	case got.Currency != want.Currency:
		return "currency"
	case got.Status != want.Status:
		return "status"
	case !sameJSON(want.Payer, got.Payer):
		return "payer"
	case got.Meta.Valid != want.Meta.Valid || want.Meta.Valid && !sameJSON(want.Meta.String, got.Meta.String):
		return "meta"
	case got.Note != want.Note:
		return "note"
	case got.CreatedAt != want.CreatedAt:
		return "created_at"
	}
	return ""
}

// sameJSON compares two documents by value, numbers by their text.
func sameJSON(a, b string) bool {
	parse := func(s string) (v any, ok bool) {
		d := json.NewDecoder(strings.NewReader(s))
		d.UseNumber()
		return v, d.Decode(&v) == nil && !d.More()
	}
	x, ok1 := parse(a)
	y, ok2 := parse(b)
	return ok1 && ok2 && reflect.DeepEqual(x, y)
}

// prepareTable creates the table through db and checks that it has the
// columns, since one of that name may have been there before.
func prepareTable(ctx context.Context, db *sql.DB, table string) error {
	if _, err := db.ExecContext(ctx, fmt.Sprintf(createTable, table)); err != nil {
		return fmt.Errorf("create table %s: %w", table, err)
	}
	rows, err := db.QueryContext(ctx, fmt.Sprintf("SELECT %s FROM `%s` LIMIT 0", columns, table))
	if err != nil {
		return fmt.Errorf("table %s is not the load generator's (choose another name with --table): %w", table, err)
	}
	return rows.Close()
}

// insertSQL is an INSERT of so many rows.
func insertSQL(table string, rows int) string {
	one := "(?" + strings.Repeat(", ?", columnCount-1) + ")"
	return fmt.Sprintf("INSERT INTO `%s` (%s) VALUES %s", table, columns, one+strings.Repeat(", "+one, rows-1))
}
