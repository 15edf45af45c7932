package sink

import "github.com/rzpsarthak13/shock-absorber/absorber/schema"

// TextSetup puts a session into the state that the statements of Text count on.
const TextSetup = "SET NAMES utf8mb4; SET time_zone='+00:00', sql_mode='STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,NO_BACKSLASH_ESCAPES'"

// TextSettings is what of TextSetup concerns the meaning of literals, as an
// assignment list.
const TextSettings = "character_set_client=utf8mb4, collation_connection=utf8mb4_bin, time_zone='+00:00', sql_mode='" + SQLMode + "'"

// Locking gives SELECTs that lock the rows of a table with these values of a
// unique index, none of them NULL, or that there is none, for a session with
// TextSettings.
func Locking(t *schema.Table, ix schema.Index, keys [][][]byte, shared bool) ([]string, error) {
	end := " FOR UPDATE"
	if shared {
		end = " LOCK IN SHARE MODE" // both dialects have it, and it needs no more than SELECT
	}
	var out []string
	var sql []byte
	for i, values := range keys {
		if i%100 == 0 {
			if i > 0 {
				out = append(out, string(append(sql, end...)))
			}
			sql = append(appendTable([]byte("SELECT 1 FROM "), t.Name), " WHERE "...)
		} else {
			sql = append(sql, " OR "...)
		}
		var err error
		if sql, err = appendHeld(append(sql, '('), t, ix, values); err != nil {
			return nil, err
		}
		sql = append(sql, ')')
	}
	return append(out, string(append(sql, end...))), nil
}

// Text gives changes as plain SQL, one statement each, in their order; for
// people, and for a session after TextSetup.
func Text(changes []Change) ([]string, error) {
	w := &writer{limit: 1, single: true}
	out := make([]string, 0, len(changes))
	for i, c := range changes {
		w.out = w.out[:0]
		if err := w.run(changes[i : i+1]); err != nil {
			return nil, err
		}
		if len(w.out) == 0 { // an update that sets nothing
			out = append(out, "-- "+c.Mutation.Op.String()+" of "+c.Table.Name.String()+" that changes no column")
			continue
		}
		out = append(out, string(w.out[0].sql))
	}
	return out, nil
}
