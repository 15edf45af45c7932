package sink

// TextSetup puts a session into the state that the statements of Text count on.
const TextSetup = "SET NAMES utf8mb4; SET time_zone='+00:00', sql_mode='STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,NO_BACKSLASH_ESCAPES'"

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
