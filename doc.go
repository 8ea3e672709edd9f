// Package uringserve is an HTTP server on one io_uring loop per core, with
// handlers that run on the loop and may block. Where io_uring is missing or
// forbidden, the same server runs on goroutines and net.Conn.
//
//	log.Fatal(uringserve.ListenAndServe("localhost:8080", mux))
//
// serves any http.Handler as net/http would; what differs, and why, is in the
// README of package app/nethttp. A handler of package app does without net/http's
// types, and their cost:
//
//	server := uringserve.Server{Addr: "localhost:8080", App: handler}
//	log.Fatal(server.ListenAndServe())
//
// This package assembles; it knows no protocol and makes no system call. What
// handlers see is package app, or net/http.
package uringserve
