// Package uringserve is an HTTP server on one io_uring loop per core, with
// handlers that run on the loop and may block. Where io_uring is missing or
// forbidden, the same server runs on goroutines and net.Conn.
//
//	server := uringserve.Server{Addr: "localhost:8080", App: handler}
//	log.Fatal(server.ListenAndServe())
//
// This package assembles; it knows no protocol and makes no system call. What a
// handler sees is package app.
package uringserve
