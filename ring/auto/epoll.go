package auto

import "github.com/uringserve/uringserve/ring"

func newEpoll(Options) (ring.Engine, error) { return nil, probeEpoll() }

func probeEpoll() error {
	return &ring.UnavailableError{Engine: Epoll, Reason: "it is not built yet"}
}
