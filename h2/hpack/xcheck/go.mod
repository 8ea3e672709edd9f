module github.com/uringserve/uringserve/h2/hpack/xcheck

go 1.26.0

require (
	github.com/uringserve/uringserve v0.0.0
	golang.org/x/net v0.62.0
)

replace github.com/uringserve/uringserve => ../../..
