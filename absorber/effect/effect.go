package effect

// Hook carries out the effect of a label by calling do, which returns the
// effect's own error. What the hook returns is what the caller is told, whether
// do was called or not.
type Hook func(op string, do func() error) error

// Do carries out an effect. A nil hook just does it.
func (h Hook) Do(op string, do func() error) error {
	if h == nil {
		return do()
	}
	return h(op, do)
}

// All carries out what is the effect of several labels at once, as a pipeline
// of commands is.
func (h Hook) All(ops []string, do func() error) error {
	if h == nil || len(ops) == 0 {
		return do()
	}
	return h(ops[0], func() error { return h.All(ops[1:], do) })
}
