package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// slow are handlers that hold their thread, each in a way of its own. They are
// the same for every server that bench itself runs.
type slow struct {
	dir string // on a disk
	mu  sync.Mutex
	n   atomic.Int64
}

// Parameters of handlers that take none.
const (
	mutexHeld  = 2 * time.Microsecond
	childSleep = "0.05" // seconds
	diskBytes  = 256 << 10
	maxMillis  = 60_000
)

// serve does what path asks for and answers the body; ok is false if there is
// no such path or ms is no number.
func (h *slow) serve(path, ms string) (body string, ok bool) {
	switch path {
	case plaintext:
		return wantBody, true
	case "/mutex":
		h.mu.Lock()
		spin(mutexHeld)
		h.mu.Unlock()
		return wantBody, true
	case "/disk":
		return outcome(h.writeDisk()), true
	case "/exec":
		return outcome(exec.Command("sleep", childSleep).Run()), true
	case "/forever":
		select {}
	case "/delay", "/spin":
		n, err := strconv.Atoi(ms)
		if err != nil || n < 0 || n > maxMillis {
			return "", false
		}
		if path == "/delay" {
			time.Sleep(time.Duration(n) * time.Millisecond)
		} else {
			spin(time.Duration(n) * time.Millisecond)
		}
		return "ok", true
	}
	return "", false
}

// outcome is the body that tells of err.
func outcome(err error) string {
	if err != nil {
		return err.Error()
	}
	return "ok"
}

// spin burns CPU for d.
func spin(d time.Duration) {
	for began := time.Now(); time.Since(began) < d; {
	}
}

// writeDisk writes a file and waits until it is on the disk.
func (h *slow) writeDisk() error {
	name := filepath.Join(h.dir, fmt.Sprintf("slow-%d", h.n.Add(1)%64))
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(make([]byte, diskBytes)); err != nil {
		return err
	}
	return f.Sync()
}
