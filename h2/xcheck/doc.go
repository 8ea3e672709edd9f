// Package xcheck tests h2 against golang.org/x/net/http2. It is a module of
// its own, so that the core module does not depend on what it is compared
// with:
//
//	cd h2/xcheck && go test ./...
package xcheck
