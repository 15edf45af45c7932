package row_test

import (
	"testing"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// storeServer is a connection and the counts of what was tried on it.
type storeServer struct {
	t                   *testing.T
	conn                *client.Conn
	pairs, clean, bound int
}

// exec runs a statement that must succeed.
func (s *storeServer) exec(query string, args ...any) *mysql.Result {
	s.t.Helper()
	r, err := s.conn.Execute(query, args...)
	if err != nil {
		s.t.Fatalf("%.200s: %v", query, err)
	}
	return r
}

// eachServer runs a test on a fresh database of both servers.
func eachServer(t *testing.T, test func(s *storeServer, dialect schema.Dialect)) {
	run := func(db *servertest.DB, t *testing.T, dialect schema.Dialect) {
		conn, err := client.Connect(db.Addr, db.User, db.Password, db.Database(t))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		s := &storeServer{t: t, conn: conn}
		s.exec("SET NAMES utf8mb4")
		test(s, dialect)
	}
	t.Run("MariaDB", func(t *testing.T) { run(servertest.MariaDB(t), t, schema.MariaDB) })
	t.Run("MySQL", func(t *testing.T) { run(servertest.MySQL(t), t, schema.MySQL) })
}
