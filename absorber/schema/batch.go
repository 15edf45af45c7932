package schema

import "fmt"

// Batcher is a Queryer that can run several statements in one round trip, in
// order, and returns the rows of each. It stops at the first that fails.
type Batcher interface {
	Queryer
	Batch(statements []string) (results [][][][]byte, err error)
}

// noting is a Queryer that finds no rows and notes what it is asked.
type noting struct{ statements []string }

// Query notes the statement.
func (n *noting) Query(sql string) ([][][]byte, error) {
	n.statements = append(n.statements, sql)
	return nil, nil
}

// answering has the answers to some statements; others go to the server.
type answering struct {
	Queryer
	answers map[string][][][]byte
}

// Query gives each answer once.
func (a *answering) Query(sql string) ([][][]byte, error) {
	if rows, ok := a.answers[sql]; ok {
		delete(a.answers, sql)
		return rows, nil
	}
	return a.Queryer.Query(sql)
}

// atOnce lets read find out what it asks if the server has no rows for it, asks
// all of that at once, and returns a Queryer that has the answers, with which
// read is to run. On a Queryer that is no Batcher nothing is asked ahead.
func atOnce(q Queryer, read func(Queryer) error) (Queryer, error) {
	b, ok := q.(Batcher)
	if !ok {
		return q, nil
	}
	n := &noting{}
	if err := read(n); err != nil {
		return nil, err
	}
	results, err := b.Batch(n.statements)
	if err != nil {
		return nil, fmt.Errorf("read the schema at once: %w", err)
	}
	if len(results) != len(n.statements) {
		return nil, fmt.Errorf("read the schema at once: %w: %d answers to %d statements", ErrUnsupported, len(results), len(n.statements))
	}
	a := &answering{Queryer: q, answers: make(map[string][][][]byte, len(results))}
	for i, sql := range n.statements {
		a.answers[sql] = results[i]
	}
	return a, nil
}
