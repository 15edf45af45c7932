package proxy

import (
	"context"
	"errors"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// forward sends a command to the backend and relays the response.
func (c *Conn) forward(ctx context.Context, frame []byte) error {
	if err := c.router.Before(ctx, commandByte(frame), frame[4:]); err != nil {
		return err
	}
	if err := c.send(ctx, frame); err != nil {
		return err
	}
	return c.relay(ctx, commandByte(frame), nil)
}

// send gives a command to the backend, opening it if need be.
func (c *Conn) send(ctx context.Context, frame []byte) error {
	be, err := c.ensureBackend(ctx)
	if err != nil {
		return err
	}
	cmd := commandByte(frame)
	be.w.Begin(0)
	be.r.Seq = 0
	if err := be.w.WriteFrame(frame); err != nil {
		return c.lostBackend(cmd, c.lastWords(err))
	}
	return nil
}

// lastWords looks for the reason that a server gave before it closed the
// connection in the middle of a command, such as 1153 for one too large. It
// gives err if there is none.
func (c *Conn) lastWords(err error) error {
	e := c.be.farewell(c.srv.cfg.Backend.Addr)
	if e.Code == codeGoneAway {
		return err
	}
	return e
}

// lostBackend ends a command whose backend connection broke. Unless the
// session had state there, the next command gets a new connection.
func (c *Conn) lostBackend(cmd byte, err error) error {
	stateful := c.router.Stateful()
	if c.ctx.Err() != nil {
		return err
	}
	c.srv.log.Warn("the backend connection broke", "component", "MYSQL", "conn", c.id, "command", wire.CommandName(cmd), "session_ends", stateful, "error", err)
	var e *wire.ErrPacket
	if !errors.As(err, &e) {
		e = errLost(c.srv.cfg.Backend.Addr, err)
	}
	c.dropBackend()
	if stateful || c.out.Sent() {
		return Fatal(e)
	}
	c.router.Reset(ResetLost)
	return e
}

// tap sees the bytes of a response on their way, before the client gets them.
// It may change them in place.
type tap func(p []byte)

// relay passes the response to cmd from the backend to the client, chunk by
// chunk as it arrives, so that memory stays bounded and a slow client slows the
// backend down. The last chunk waits until the router has seen the result.
func (c *Conn) relay(ctx context.Context, cmd byte, see tap) error {
	be, s := c.be, &c.scan
	s.Reset(cmd, c.login.Caps)
	for {
		p, err := be.r.Peek(s.Need())
		if err != nil {
			return c.lostBackend(cmd, err)
		}
		n, ev, err := s.Scan(p)
		if err != nil {
			return c.lostBackend(cmd, err)
		}
		if see != nil && n > 0 {
			see(p[:n])
		}
		if ev == wire.Done {
			if s.Response.HasStatus {
				c.status = s.Response.Status
			}
			if err := c.router.After(ctx, cmd, &s.Response); err != nil {
				be.r.Discard(n)
				be.r.Release()
				return err
			}
		}
		err = c.out.WriteRaw(p[:n])
		be.r.Discard(n)
		if err != nil {
			return Fatal(err)
		}
		switch ev {
		case wire.Done:
			be.r.Release()
			return nil
		case wire.SendFile:
			if err := c.sendFile(be); err != nil {
				return err
			}
		}
	}
}

// sendFile passes the contents of a local file from the client to the
// backend, up to and with the empty packet that ends them.
func (c *Conn) sendFile(be *backend) error {
	c.in.Roomy()
	left := 0 // bytes of the current packet still to pass
	for {
		p, err := c.in.Peek(1)
		if err != nil {
			return Fatal(err)
		}
		n, last := 0, false
		for n < len(p) && !last {
			if left > 0 {
				m := min(left, len(p)-n)
				n, left = n+m, left-m
				continue
			}
			if len(p)-n < 4 {
				break
			}
			left = int(p[n]) | int(p[n+1])<<8 | int(p[n+2])<<16
			n, last = n+4, left == 0
		}
		if n == 0 {
			if _, err := c.in.Peek(4); err != nil {
				return Fatal(err)
			}
			continue
		}
		if err := be.w.WriteRaw(p[:n]); err != nil {
			return c.lostBackend(wire.ComQuery, err)
		}
		c.in.Discard(n)
		if last {
			return nil
		}
	}
}
