package main

import (
	"fmt"
	"io"
	"math"
	"time"

	sqle "github.com/dolthub/go-mysql-server"
	"github.com/dolthub/go-mysql-server/memory"
	"github.com/dolthub/go-mysql-server/server"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/sirupsen/logrus"
)

// startMemory starts the in-memory stand-in for MySQL.
func startMemory() (*databaseServer, error) {
	logrus.SetOutput(io.Discard) // it logs every connection
	db := memory.NewDatabase(database)
	db.EnablePrimaryKeyIndexes()
	provider := memory.NewDBProvider(db)
	engine := sqle.NewDefault(provider)
	accounts := engine.Analyzer.Catalog.MySQLDb
	editor := accounts.Editor()
	accounts.AddSuperUser(editor, user, "%", password)
	editor.Close()
	sql.SystemVariables.AddSystemVariables(missingVariables())
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s, err := server.NewServerWithHandler(server.Config{Protocol: "tcp", Address: addr, ConnReadTimeout: time.Hour, ConnWriteTimeout: time.Hour},
		engine, sql.NewContext, memory.NewSessionBuilder(provider), nil, newDialect)
	if err != nil {
		return nil, fmt.Errorf("start the in-memory stand-in: %w", err)
	}
	ended := make(chan struct{})
	go func() { // ends with Close; stop waits for it
		defer close(ended)
		_ = s.Start() // it returns when it is closed
	}()
	return &databaseServer{
		what: "go-mysql-server, an in-memory stand-in (no usable mariadbd or mysqld)",
		addr: addr,
		stop: func() { _ = s.Close(); <-ended },
	}, nil
}

// missingVariables are session variables that the stand-in has as global ones
// only, or with another default than MySQL. The drainer sets the first; a
// session whose second is not MySQL's default is not absorbed.
func missingVariables() []sql.SystemVariable {
	both := sql.GetMysqlScope(sql.SystemVariableScope_Both)
	wait, limit := "innodb_lock_wait_timeout", "sql_select_limit"
	return []sql.SystemVariable{
		&sql.MysqlSystemVariable{Name: wait, Scope: both, Dynamic: true, Type: types.NewSystemIntType(wait, 1, 1073741824, false), Default: int64(50)},
		&sql.MysqlSystemVariable{Name: limit, Scope: both, Dynamic: true, Type: types.NewSystemUintType(limit, 0, math.MaxUint64), Default: uint64(math.MaxUint64)},
	}
}
