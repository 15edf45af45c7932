package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"
)

// schemaSQL creates the table. The reference is unique: a client that repeats
// a request after a lost answer must not pay twice.
const schemaSQL = `CREATE TABLE IF NOT EXISTS upi_payments (
	id CHAR(36) NOT NULL PRIMARY KEY,
	upi_reference_id VARCHAR(64) NOT NULL,
	amount BIGINT NOT NULL,
	currency CHAR(3) NOT NULL,
	upi_transaction_id VARCHAR(64) NOT NULL,
	tenant_id VARCHAR(64) NOT NULL,
	customer_id VARCHAR(64) NOT NULL,
	leg VARCHAR(16) NOT NULL,
	action VARCHAR(16) NOT NULL,
	status VARCHAR(16) NOT NULL,
	payer JSON NOT NULL,
	payees JSON NOT NULL,
	meta JSON NULL,
	resp_meta JSON NULL,
	created_at DATETIME(6) NOT NULL,
	updated_at DATETIME(6) NOT NULL,
	UNIQUE KEY upi_reference (upi_reference_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`

// paymentColumns are the columns in the order of insert and scan.
const paymentColumns = "id, upi_reference_id, amount, currency, upi_transaction_id, tenant_id, customer_id, " +
	"leg, action, status, payer, payees, meta, resp_meta, created_at, updated_at"

// Decisions of the store.
var (
	errNotFound  = errors.New("there is no such payment")
	errDuplicate = errors.New("a payment with this upi_reference_id exists already")
)

// duplicateEntry is MySQL's code for a value that a unique index has already.
const duplicateEntry = 1062

// store keeps payments in a table.
type store struct{ db *sql.DB }

// create makes the table if it is not there.
func (s *store) create(ctx context.Context) error {
	if _, err := s.db.ExecContext(ctx, schemaSQL); err != nil {
		return fmt.Errorf("create table upi_payments: %w", err)
	}
	return nil
}

// insert gives p an id and its times, and stores it.
func (s *store) insert(ctx context.Context, p *payment) error {
	now := time.Now().UTC().Truncate(time.Microsecond)
	id, err := newID(now)
	if err != nil {
		return err
	}
	p.ID, p.CreatedAt, p.UpdatedAt = id, now, now
	_, err = s.db.ExecContext(ctx,
		"INSERT INTO upi_payments ("+paymentColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		p.ID, p.UPIReferenceID, p.Amount, p.Currency, p.UPITransactionID, p.TenantID, p.CustomerID,
		p.Leg, p.Action, p.Status, document(p.Payer), document(p.Payees), document(p.Meta), document(p.RespMeta), p.CreatedAt, p.UpdatedAt)
	var me *mysql.MySQLError
	if errors.As(err, &me) && me.Number == duplicateEntry {
		return errDuplicate
	}
	if err != nil {
		return fmt.Errorf("insert a payment: %w", err)
	}
	return nil
}

// byID finds a payment by its primary key.
func (s *store) byID(ctx context.Context, id string) (*payment, error) {
	return s.find(ctx, "SELECT "+paymentColumns+" FROM upi_payments WHERE id = ?", id)
}

// byReference finds a payment by its unique reference.
func (s *store) byReference(ctx context.Context, ref string) (*payment, error) {
	return s.find(ctx, "SELECT "+paymentColumns+" FROM upi_payments WHERE upi_reference_id = ?", ref)
}

// find reads one payment.
func (s *store) find(ctx context.Context, query, arg string) (*payment, error) {
	var (
		p              payment
		payer, payees  []byte
		meta, respMeta []byte
	)
	err := s.db.QueryRowContext(ctx, query, arg).Scan(
		&p.ID, &p.UPIReferenceID, &p.Amount, &p.Currency, &p.UPITransactionID, &p.TenantID, &p.CustomerID,
		&p.Leg, &p.Action, &p.Status, &payer, &payees, &meta, &respMeta, &p.CreatedAt, &p.UpdatedAt)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, errNotFound
	case err != nil:
		return nil, fmt.Errorf("read a payment: %w", err)
	}
	p.Payer, p.Payees, p.Meta, p.RespMeta = payer, payees, meta, respMeta
	return &p, nil
}

// ping asks whether the database answers.
func (s *store) ping(ctx context.Context) error { return s.db.PingContext(ctx) }

// document is a JSON column's value: text, or NULL for an absent one.
func document(j json.RawMessage) any {
	if len(j) == 0 || string(j) == "null" {
		return nil
	}
	return string(j)
}

// newID makes a UUID version 7: it begins with the time, so that new rows go
// to the end of the primary key.
func newID(now time.Time) (string, error) {
	var b [16]byte
	if _, err := rand.Read(b[6:]); err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(b[:6], ms[2:])
	b[6] = b[6]&0x0f | 0x70 // version 7
	b[8] = b[8]&0x3f | 0x80 // the RFC's variant
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}
