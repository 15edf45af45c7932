package row_test

import (
	"testing"

	"github.com/go-mysql-org/go-mysql/client"
)

func TestExp(t *testing.T) {
	c, err := client.Connect("127.0.0.1:13307", "root", "", "")
	if err != nil {
		t.Fatal(err)
	}
	x := func(q string, a ...any) string {
		r, err := c.Execute(q, a...)
		if err != nil {
			return err.Error()
		}
		if r.Resultset != nil {
			return string(r.RowDatas[0])
		}
		return ""
	}
	x("create database if not exists e")
	x("use e")
	x("drop table if exists t")
	x("create table t (id int primary key auto_increment, v varchar(64), e enum('a','b','2'), b bigint)")
	for _, q := range []string{"insert into t (v) values (?)", "update t set v=?"} {
		for _, seq := range [][]any{{"387586331503730.5213"}, {int64(1), "387586331503730.5213"}, {1.5, "387586331503730.5213"}, {1.5, "abc"}, {nil, "387586331503730.5213"}, {"x", 1.5, "387586331503730.5213"},{"x", int64(5), "387586331503730.5213"}, {int64(5), 1.5, "00012"}} {
			x("truncate t")
			x("insert into t (v) values ('seed')")
			s, err := c.Prepare(q)
			if err != nil {
				t.Fatal(err)
			}
			msg := ""
			for _, a := range seq {
				r, err := s.Execute(a)
				if err != nil {
					msg = err.Error()
				} else if r.Warnings > 0 {
					msg = "warn"
				}
			}
			s.Close()
			t.Logf("%s %v -> %q %s", q, seq, x("select v from t order by id desc limit 1"), msg)
		}
	}
}
