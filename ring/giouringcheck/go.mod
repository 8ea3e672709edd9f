module github.com/uringserve/uringserve/ring/giouringcheck

go 1.26.0

require (
	github.com/pawelgaczynski/giouring v0.0.0-20230826085535-69588b89acb9
	github.com/uringserve/uringserve v0.0.0
	golang.org/x/sys v0.49.0
)

replace github.com/uringserve/uringserve => ../..
