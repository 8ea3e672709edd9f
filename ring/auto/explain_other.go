//go:build !linux

package auto

// explain has nothing to add: io_uring is a part of Linux.
func explain(err error) error { return err }
