// Package xcheck compares h2/hpack with golang.org/x/net/http2/hpack, by
// fuzzing and by benchmarks. It is a module of its own, so that the core
// module does not depend on x/net. It holds tests only:
//
//	cd h2/hpack/xcheck
//	go test .
//	go test -fuzz FuzzDecode -fuzztime 30s .
//	go test -bench . -count 10 .
package xcheck
