package main

import "errors"

// library is a server of this executable on our library.
func (r *runner) library(loops int) peer {
	return peer{name: "library (uring)", missing: "not there yet", argv: []string{r.self}}
}

func serveBlocking(addr, dir string, loops int) error { return errors.New("not there yet") }
