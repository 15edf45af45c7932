package main

import (
	"bytes"
	"strings"
	"testing"
)

// The whole product runs on the stand-ins, and every row arrives unchanged.
func TestDemo(t *testing.T) {
	var out bytes.Buffer
	err := run(t.Context(), []string{"--once", "--mysqld", "memory", "--rate", "100", "--duration", "1s", "--drain", "50"}, &out)
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{"in-memory stand-in", "accepted         100 of 100 rows", "lost             0", "Every row arrived unchanged."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestDemoRefuses(t *testing.T) {
	for _, args := range [][]string{{"x"}, {"--nothing"}, {"--mysqld", "/nonexistent/mysqld"}, {"--mysqld", "memory", "--drain", "0"}} {
		if err := run(t.Context(), append(args, "--once"), &bytes.Buffer{}); err == nil {
			t.Errorf("%v was accepted", args)
		}
	}
}
