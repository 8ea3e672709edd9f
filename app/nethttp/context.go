package nethttp

import (
	"context"
	"time"
)

// A requestContext is Request.Context. Most handlers never wait for it, and a
// context that can be waited for costs two allocations: it is the connection's
// until somebody asks for more.
type requestContext struct{ x *exchange }

var _ context.Context = (*requestContext)(nil)

// real is the context that can be cancelled.
func (c *requestContext) real() context.Context {
	x := c.x
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.waited == nil {
		if x.ended {
			ctx, cancel := context.WithCancel(x.conn)
			cancel()
			x.waited = ctx
		} else if x.conn.owner != nil {
			x.waited = x.in.Context()
		} else {
			x.waited = join(x.conn, x.in.Context())
		}
	}
	return x.waited
}

// join is parent's values with the life of ctx.
func join(parent, ctx context.Context) context.Context { return joined{ctx, parent} }

type joined struct {
	context.Context
	values context.Context
}

func (j joined) Value(key any) any {
	if v := j.Context.Value(key); v != nil {
		return v
	}
	return j.values.Value(key)
}

func (c *requestContext) Deadline() (time.Time, bool) { return c.x.conn.Deadline() }
func (c *requestContext) Done() <-chan struct{}       { return c.real().Done() }

// Err asks for no more than it needs: libraries ask for it with every error.
func (c *requestContext) Err() error {
	x := c.x
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.waited != nil:
		return x.waited.Err()
	case x.ended:
		return context.Canceled
	}
	return x.in.ContextErr()
}

// Value finds the values of the connection. Package context looks for its own
// parts by a key that is an *int; those are the real context's.
func (c *requestContext) Value(key any) any {
	if _, ok := key.(*int); ok {
		return c.real().Value(key)
	}
	return c.x.conn.Value(key)
}

// String is what contexts that wrap this one print of it.
func (c *requestContext) String() string { return "nethttp.Request" }
