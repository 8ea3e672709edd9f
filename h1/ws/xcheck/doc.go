// Package xcheck tests ws against github.com/gobwas/ws, frame by frame, and
// github.com/coder/websocket, end to end. It is a module of its own, so that
// the core module does not depend on what it is compared with:
//
//	cd h1/ws/xcheck && go test ./...
package xcheck
