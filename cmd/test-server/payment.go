package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"
	"unicode/utf8"
)

// payment is one payment as the API shows it. Amounts are in the currency's
// smallest unit.
type payment struct {
	ID               string          `json:"id"`
	UPIReferenceID   string          `json:"upi_reference_id"`
	Amount           int64           `json:"amount"`
	Currency         string          `json:"currency"`
	UPITransactionID string          `json:"upi_transaction_id"`
	TenantID         string          `json:"tenant_id"`
	CustomerID       string          `json:"customer_id"`
	Leg              string          `json:"leg"`
	Action           string          `json:"action"`
	Status           string          `json:"status"`
	Payer            json.RawMessage `json:"payer"`
	Payees           json.RawMessage `json:"payees"`
	Meta             json.RawMessage `json:"meta"`
	RespMeta         json.RawMessage `json:"resp_meta"`
	CreatedAt        time.Time       `json:"created_at"`
	UpdatedAt        time.Time       `json:"updated_at"`
}

// maxBody bounds a request, in bytes.
const maxBody = 1 << 20

// currency is an ISO 4217 code.
var currency = regexp.MustCompile(`^[A-Z]{3}$`)

// parsePayment reads and validates the body of a POST. Its errors are meant
// for the client.
func parsePayment(body io.Reader) (*payment, error) {
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	var p payment
	if err := d.Decode(&p); err != nil {
		return nil, fmt.Errorf("the body is not a payment: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the body holds more than one JSON value")
	}
	if p.ID != "" || !p.CreatedAt.IsZero() || !p.UpdatedAt.IsZero() {
		return nil, errors.New("id, created_at and updated_at are given by the server")
	}
	return &p, p.validate()
}

// validate checks every field against what its column can hold.
func (p *payment) validate() error {
	for _, f := range []struct {
		name, value string
		required    bool
		longest     int
	}{
		{"upi_reference_id", p.UPIReferenceID, true, 64},
		{"upi_transaction_id", p.UPITransactionID, false, 64},
		{"tenant_id", p.TenantID, true, 64},
		{"customer_id", p.CustomerID, true, 64},
		{"leg", p.Leg, true, 16},
		{"action", p.Action, true, 16},
		{"status", p.Status, true, 16},
	} {
		if f.required && f.value == "" {
			return fmt.Errorf("%s is missing", f.name)
		}
		if n := utf8.RuneCountInString(f.value); n > f.longest {
			return fmt.Errorf("%s has %d characters, at most %d are allowed", f.name, n, f.longest)
		}
	}
	if p.Amount <= 0 {
		return fmt.Errorf("amount must be above 0")
	}
	if !currency.MatchString(p.Currency) {
		return fmt.Errorf("currency must be three capital letters, such as INR")
	}
	for _, j := range []struct {
		name     string
		value    json.RawMessage
		first    byte
		required bool
	}{
		{"payer", p.Payer, '{', true}, {"payees", p.Payees, '[', true}, {"meta", p.Meta, '{', false}, {"resp_meta", p.RespMeta, '{', false},
	} {
		empty := len(j.value) == 0 || bytes.Equal(j.value, []byte("null"))
		if empty && j.required {
			return fmt.Errorf("%s is missing", j.name)
		}
		if !empty && j.value[0] != j.first {
			kind := map[byte]string{'{': "an object", '[': "a list"}[j.first]
			return fmt.Errorf("%s must be %s", j.name, kind)
		}
	}
	return nil
}
