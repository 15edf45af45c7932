package main

import (
	"fmt"
	"io"
	"time"

	sqle "github.com/dolthub/go-mysql-server"
	"github.com/dolthub/go-mysql-server/memory"
	"github.com/dolthub/go-mysql-server/server"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/sirupsen/logrus"
)

// startMemory starts the in-memory stand-in for MySQL. Any login is taken.
func startMemory() (*databaseServer, error) {
	logrus.SetOutput(io.Discard) // it logs every connection
	db := memory.NewDatabase(database)
	db.EnablePrimaryKeyIndexes()
	provider := memory.NewDBProvider(db)
	engine := sqle.NewDefault(provider)
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s, err := server.NewServer(server.Config{Protocol: "tcp", Address: addr, ConnReadTimeout: time.Hour, ConnWriteTimeout: time.Hour},
		engine, sql.NewContext, memory.NewSessionBuilder(provider), nil)
	if err != nil {
		return nil, fmt.Errorf("start the in-memory stand-in: %w", err)
	}
	ended := make(chan struct{})
	go func() { // ends with Close; stop waits for it
		defer close(ended)
		_ = s.Start() // it returns when it is closed
	}()
	return &databaseServer{
		what: "go-mysql-server, an in-memory stand-in (no mariadbd or mysqld found)",
		addr: addr,
		stop: func() { _ = s.Close(); <-ended },
	}, nil
}
