package main

import (
	"database/sql"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// example is the body of the seed's curl command.
const example = `{
	"upi_reference_id": "ref_001", "amount": 10000, "currency": "INR", "upi_transaction_id": "txn_001",
	"tenant_id": "tenant_001", "customer_id": "cust_001", "leg": "PAYER", "action": "PAY", "status": "PENDING",
	"payer": {"vpa": "user@upi", "name": "John Doe"},
	"payees": [{"vpa": "merchant@upi", "name": "Merchant", "amount": 10000}],
	"meta": {"msg_id": "msg_001", "note": "Test payment"},
	"resp_meta": {"timestamp": 1234567890}
}`

// call sends a request and reads the answer.
func call(t *testing.T, method, url, body string) (code int, out map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatalf("%s %s: %d %q is not JSON", method, url, res.StatusCode, b)
	}
	return res.StatusCode, out
}

// start runs the API on a database.
func start(t *testing.T, db *sql.DB) string {
	t.Helper()
	s := httptest.NewServer(newHandler(&store{db: db}, slog.New(slog.DiscardHandler)))
	t.Cleanup(s.Close)
	return s.URL
}

func TestAPI(t *testing.T) {
	for name, server := range map[string]func(testing.TB) *servertest.DB{"mariadb": servertest.MariaDB, "mysql": servertest.MySQL} {
		t.Run(name, func(t *testing.T) {
			s := server(t)
			db, err := open(s.User + ":" + s.Password + "@tcp(" + s.Addr + ")/" + s.Database(t))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			st := &store{db: db}
			for range 2 { // the second start finds the table there
				if err := st.create(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			exerciseAPI(t, start(t, db))
		})
	}
}

// exerciseAPI walks through the API on an empty table.
func exerciseAPI(t *testing.T, url string) {
	if code, out := call(t, "GET", url+"/health", ""); code != 200 || out["status"] != "ok" {
		t.Errorf("health: %d %v", code, out)
	}
	code, made := call(t, "POST", url+"/payment", example)
	id, _ := made["id"].(string)
	if code != 201 || !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(id) {
		t.Fatalf("create: %d %v", code, made)
	}
	var want map[string]any
	if err := json.Unmarshal([]byte(example), &want); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/payment/" + id, "/payment/reference/ref_001"} {
		code, got := call(t, "GET", url+path, "")
		if code != 200 || !reflect.DeepEqual(got, made) {
			t.Errorf("%s: %d\n got %v\nwant %v", path, code, got, made)
		}
		for field, value := range want {
			if !reflect.DeepEqual(got[field], value) {
				t.Errorf("%s: %s is %v, want %v", path, field, got[field], value)
			}
		}
	}
	if code, _ := call(t, "POST", url+"/payment", example); code != 409 {
		t.Errorf("the same reference again: %d", code)
	}
	for _, path := range []string{"/payment/nothing", "/payment/reference/nothing"} {
		if code, out := call(t, "GET", url+path, ""); code != 404 || out["error"] == "" {
			t.Errorf("%s: %d %v", path, code, out)
		}
	}
	// Optional fields may be absent or null, and text may be any.
	odd := strings.NewReplacer("ref_001", "it's \\\"\\\\ \U0001F600", `"meta": {"msg_id": "msg_001", "note": "Test payment"},`, "", `{"timestamp": 1234567890}`, "null").Replace(example)
	code, made = call(t, "POST", url+"/payment", odd)
	if code != 201 {
		t.Fatalf("odd payment: %d %v", code, made)
	}
	if _, got := call(t, "GET", url+"/payment/"+made["id"].(string), ""); got["meta"] != nil || got["resp_meta"] != nil || got["upi_reference_id"] != "it's \"\\ \U0001F600" {
		t.Errorf("odd payment: %v", got)
	}
}

func TestCreateRefuses(t *testing.T) {
	// Nothing listens there: input is refused before the database is asked.
	db, err := open("user:secret@tcp(127.0.0.1:1)/none?timeout=1s")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	url := start(t, db)
	swap := func(old, with string) string {
		if !strings.Contains(example, old) {
			t.Fatalf("the example has no %s", old)
		}
		return strings.Replace(example, old, with, 1)
	}
	for name, body := range map[string]string{
		"no JSON":          "hello",
		"empty":            "",
		"two values":       example + example,
		"unknown field":    swap(`"leg"`, `"lag"`),
		"own id":           swap(`{`, `{"id": "x",`),
		"no reference":     swap(`"ref_001"`, `""`),
		"long reference":   swap(`ref_001`, strings.Repeat("x", 65)),
		"amount zero":      swap(`10000`, `0`),
		"amount below":     swap(`10000`, `-1`),
		"amount as text":   swap(`10000`, `"10000"`),
		"amount fraction":  swap(`10000`, `1.5`),
		"amount too large": swap(`10000`, `9223372036854775808`),
		"currency":         swap(`"INR"`, `"inr"`),
		"payer list":       swap(`{"vpa": "user@upi", "name": "John Doe"}`, `[]`),
		"payer null":       swap(`{"vpa": "user@upi", "name": "John Doe"}`, `null`),
		"payees object":    swap(`[{"vpa": "merchant@upi", "name": "Merchant", "amount": 10000}]`, `{}`),
		"too big":          swap(`"ref_001"`, `"`+strings.Repeat("x", maxBody)+`"`),
	} {
		if code, out := call(t, "POST", url+"/payment", body); code != 400 || out["error"] == "" {
			t.Errorf("%s: %d %v", name, code, out)
		}
	}
	// And what is right fails without a database, saying nothing of it.
	code, out := call(t, "POST", url+"/payment", example)
	if text, _ := out["error"].(string); code != 500 || text == "" || strings.Contains(text, "127.0.0.1") {
		t.Errorf("no database: %d %v", code, out)
	}
	if code, _ := call(t, "GET", url+"/health", ""); code != 500 {
		t.Errorf("health without a database: %d", code)
	}
}

func TestNewIDGrows(t *testing.T) {
	t0 := time.Now()
	last := ""
	for i := range 100 {
		id, err := newID(t0.Add(time.Duration(i) * time.Millisecond))
		if err != nil || id <= last {
			t.Fatalf("%q after %q, %v", id, last, err)
		}
		last = id
	}
}

func TestRunRefuses(t *testing.T) {
	for _, args := range [][]string{{}, {"--dsn", "x"}, {"--dsn", "u:hushhush@tcp(h)/"}, {"--nothing"}} {
		var log strings.Builder
		err := run(t.Context(), args, &log)
		if err == nil || strings.Contains(err.Error()+log.String(), "hushhush") {
			t.Errorf("%v: %v %s", args, err, log.String())
		}
	}
}
