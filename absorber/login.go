package absorber

import (
	"context"
	"fmt"

	"github.com/go-mysql-org/go-mysql/client"
)

// loginCollation is what the engine's connections ask for when they log in. A
// server whose own it is looks like one that does not listen.
const loginCollation = "latin1_german2_ci"

// Login is the option for client.Connect that the engine's connections need.
// They ask for a collation, to tell whether the server honours logins, and have no
// timeouts but the engine's own: the library's would move a deadline that is set.
func Login(c *client.Conn) error {
	c.ReadTimeout, c.WriteTimeout = 0, 0
	return c.SetCollation(loginCollation)
}

// HonoursLogin asks MySQL whether a session begins with the character set that its
// client asks for at login. With skip-character-set-client-handshake it does not.
func (e *Engine) HonoursLogin(ctx context.Context) (bool, error) {
	got, err := e.loader.scalar(ctx, opQuery, "SELECT @login_collation = '"+loginCollation+"' AND @@global.collation_connection <> '"+loginCollation+"'")
	if err != nil {
		return false, fmt.Errorf("ask whether MySQL honours the character set of a login: %w", err)
	}
	return string(got) == "1", nil
}
