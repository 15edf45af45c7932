package proxy

import (
	"context"
	"time"
)

// watchEvery is how often sessions are looked at.
const watchEvery = time.Second

// watch looks for connections that ended on the side nobody is reading from:
// the backend of an idle session, so that its client sees a closed connection
// before it uses it, as it would without the proxy; and the client of a
// running statement, which then ends. One socket peek a session and second.
func (s *Server) watch(ctx context.Context) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			for _, c := range s.Sessions() {
				c.look()
			}
		}
	}
}

// look checks one session.
func (c *Conn) look() {
	if !c.busy.TryLock() {
		if c.clientGone() {
			c.cancel(errClientGone)
		}
		return
	}
	defer c.busy.Unlock()
	if c.expired() {
		c.dismiss(c.errIdle())
		return
	}
	if c.be == nil || !c.be.gone() {
		return
	}
	if !c.router.Stateful() {
		c.dropBackend()
		c.router.Reset(ResetLost)
		return
	}
	c.dismiss(c.be.farewell(c.srv.cfg.Backend.Addr))
}
