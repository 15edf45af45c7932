package sqlrewrite

import "testing"

func TestParseTransaction(t *testing.T) {
	for sql, want := range map[string]TransactionStatement{
		"BEGIN":                            {Verb: TransactionBegin},
		"begin work;":                      {Verb: TransactionBegin},
		"/* x */ START TRANSACTION":        {Verb: TransactionBegin},
		"start transaction read write ;":   {Verb: TransactionBegin},
		"COMMIT":                           {Verb: TransactionCommit},
		"commit work and chain":            {Verb: TransactionCommit, Chain: true},
		"COMMIT AND NO CHAIN NO RELEASE":   {Verb: TransactionCommit},
		"rollback -- done":                 {Verb: TransactionRollback},
		"ROLLBACK AND CHAIN":               {Verb: TransactionRollback, Chain: true},
		"ROLLBACK TO a":                    {Verb: TransactionRollbackTo, Name: "a"},
		"ROLLBACK WORK TO SAVEPOINT `a b`": {Verb: TransactionRollbackTo, Name: "a b"},
		"SAVEPOINT to_":                    {Verb: TransactionSavepoint, Name: "to_"},
		"RELEASE SAVEPOINT A":              {Verb: TransactionRelease, Name: "A"},
	} {
		if got, ok := ParseTransaction([]byte(sql), 0); !ok || got != want {
			t.Errorf("%s: %+v, %v", sql, got, ok)
		}
	}
	for _, sql := range []string{
		"", "BEGIN NOT ATOMIC", "BEGIN; SELECT 1", "START SLAVE", "START TRANSACTION READ ONLY", "START TRANSACTION WITH CONSISTENT SNAPSHOT",
		"START TRANSACTION READ WRITE, WITH CONSISTENT SNAPSHOT", "COMMIT RELEASE", "COMMIT AND", "COMMIT AND CHAIN RELEASE", "COMMIT WORK WORK",
		"ROLLBACK TO", "ROLLBACK TO SAVEPOINT", "SAVEPOINT", "SAVEPOINT ?", "SAVEPOINT ä", "SAVEPOINT a b", "SAVEPOINT select", "RELEASE a", "/*! BEGIN */", "BEGIN /*! WORK */",
		"SELECT 1", "XA START 'a'",
	} {
		if got, ok := ParseTransaction([]byte(sql), 0); ok {
			t.Errorf("%s was taken for %+v", sql, got)
		}
	}
}
