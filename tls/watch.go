package tls

import (
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watched is what Watch keeps as new as its files: Certificates, TicketKeys.
type Watched interface {
	// paths are the files.
	paths() []string
	// refresh looks at them again, and tells who asked to be told.
	refresh()
}

// WatchOptions say how files are watched. Zero fields have the defaults.
type WatchOptions struct {
	// Quiet is how long the files' directories must have been left alone before
	// they are read: certificate and key change one after the other. Default
	// 200 ms.
	Quiet time.Duration

	// Poll is how often they are read in any case, as there are changes that no
	// event tells of (network file systems; a parent directory that is
	// swapped). Default 1 minute.
	Poll time.Duration

	// PollOnly does without events.
	PollOnly bool

	// OnError is told if events cannot be had; the files are polled then.
	// Called within Watch. Optional.
	OnError func(error)
}

// A Watcher is a goroutine that watches files.
type Watcher struct {
	opt        WatchOptions
	all        []Watched
	events     *fsnotify.Watcher // nil: there are none to be had
	stop, done chan struct{}
}

// Watch reads files again whenever they may have changed, on one goroutine,
// until Stop. The directories are watched, not the files, so that a file that
// is replaced is seen, and one that is reached by a symbolic link that is
// replaced (the ..data of Kubernetes).
func Watch(o WatchOptions, all ...Watched) *Watcher {
	if o.Quiet <= 0 {
		o.Quiet = 200 * time.Millisecond
	}
	if o.Poll <= 0 {
		o.Poll = time.Minute
	}
	w := &Watcher{opt: o, all: all, stop: make(chan struct{}), done: make(chan struct{})}
	if !o.PollOnly {
		if err := w.subscribe(); err != nil && o.OnError != nil {
			o.OnError(err)
		}
	}
	go w.run()
	return w
}

// Stop ends the goroutine and returns when it has. At most once.
func (w *Watcher) Stop() {
	close(w.stop)
	<-w.done
}

// subscribe asks for events of the directories, as far as it can; also of those
// that were made anew since the last time.
func (w *Watcher) subscribe() (err error) {
	if w.events == nil {
		if w.events, err = fsnotify.NewWatcher(); err != nil {
			w.events = nil
			return err
		}
	}
	seen := make(map[string]bool)
	for _, files := range w.all {
		for _, path := range files.paths() {
			dir := filepath.Dir(path)
			if seen[dir] {
				continue
			}
			seen[dir] = true
			if e := w.events.Add(dir); e != nil && err == nil {
				err = &FileError{dir, e}
			}
		}
	}
	return err
}

// run is the goroutine.
func (w *Watcher) run() {
	defer close(w.done)
	poll := time.NewTicker(w.opt.Poll)
	defer poll.Stop()
	quiet := time.NewTimer(w.opt.Quiet) // once in any case: since Load and Watch
	defer quiet.Stop()
	var changes <-chan fsnotify.Event
	var failures <-chan error
	if w.events != nil {
		defer w.events.Close()
		changes, failures = w.events.Events, w.events.Errors
	}
	for {
		select {
		case <-w.stop:
			return
		case <-changes:
			quiet.Reset(w.opt.Quiet)
		case <-failures: // more events than were kept: something has changed
			quiet.Reset(w.opt.Quiet)
		case <-quiet.C:
			w.refresh()
		case <-poll.C:
			if w.events != nil {
				_ = w.subscribe() // told of at the start, or the files are gone
			}
			w.refresh()
		}
	}
}

func (w *Watcher) refresh() {
	for _, files := range w.all {
		files.refresh()
	}
}
