module github.com/uringserve/uringserve/h1/ws/xcheck

go 1.26.0

require (
	github.com/coder/websocket v1.8.15
	github.com/gobwas/ws v1.5.0
	github.com/uringserve/uringserve v0.0.0
)

require (
	github.com/gobwas/httphead v0.1.0 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
)

replace github.com/uringserve/uringserve => ../../..
