package conn_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/uringserve/uringserve/app"
	appws "github.com/uringserve/uringserve/app/ws"
	"github.com/uringserve/uringserve/conn"
	"github.com/uringserve/uringserve/h1/ws"
)

// A hubRoom has every connection join its hub.
type hubRoom struct {
	appws.Hub
	mu    sync.Mutex
	conns []*appws.Conn // guarded by mu
}

func (h *hubRoom) Open(c *appws.Conn) {
	h.mu.Lock()
	h.conns = append(h.conns, c)
	h.mu.Unlock()
	h.Join(c)
}

func (h *hubRoom) Message(*appws.Conn, appws.Kind, []byte) {}
func (h *hubRoom) Close(c *appws.Conn, _ appws.End)        { h.Leave(c) }

// waiting is the most that waits for any member, in bytes.
func (h *hubRoom) waiting() (most int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.conns {
		most = max(most, c.Buffered())
	}
	return most
}

// hubMember answers on got for each message of n that it reads in its turn.
func hubMember(p *wsPeer, n int, message func(int) []byte, got chan<- error) {
	for i := range n {
		err := p.expect(ws.Binary, message(i))
		if err != nil {
			err = fmt.Errorf("message %d: %w", i, err)
		}
		got <- err
	}
}

// Members that never read, over sockets: they miss messages or are closed, as the
// policy says; what waits for them is bounded; the others get every message, and
// wait for nobody.
func TestHubSlowMembers(t *testing.T) {
	const (
		readers, slow = 3, 2
		size          = 16 << 10
		unsent        = 64 << 10
		messages      = 800 // twice what sockets hold at the most
	)
	message := func(i int) []byte {
		b := make([]byte, size)
		fill(b, uint64(i))
		return b
	}
	for _, policy := range []appws.SlowPolicy{appws.SlowDrop, appws.SlowClose} {
		room := &hubRoom{}
		room.Slow = policy
		u := &appws.Upgrader{MaxUnsent: unsent, Handler: room}
		onEach(t, conn.Config{Handler: app.Handler(u)}, func(r *rig) {
			was := room.Stats()
			got := make(chan error, readers)
			for i := range readers + slow {
				c := r.dial()
				if i >= readers {
					c.SetReadBuffer(4096)
				}
				p, err := openWS(c, "")
				r.ok(err)
				if i < readers {
					go hubMember(p, messages, message, got)
				}
			}
			eventually(r.T, "all have joined", func() bool { return room.Len() == readers+slow })
			most := 0
			for i := range messages {
				room.Broadcast(appws.Binary, message(i))
				most = max(most, room.waiting())
				for range readers {
					r.ok(<-got)
				}
			}
			st := room.Stats()
			sent, dropped, closed := st.Sent-was.Sent, st.Dropped-was.Dropped, st.Closed-was.Closed
			if policy == appws.SlowDrop && (st.Members != readers+slow || dropped == 0 || closed != 0 || sent+dropped != messages*(readers+slow)) {
				r.Errorf("drop: %+v, were %+v", st, was)
			}
			if policy == appws.SlowClose && (st.Members != readers || dropped != 0 || closed != slow) {
				r.Errorf("close: %+v, were %+v", st, was)
			}
			if most > unsent+size {
				r.Errorf("policy %d: %d bytes waited for a member, MaxUnsent is %d", policy, most, unsent)
			}
		})
	}
}
