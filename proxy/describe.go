package proxy

// Remote is the client's address. It may be called from anywhere.
func (c *Conn) Remote() string { return c.raw.RemoteAddr().String() }
