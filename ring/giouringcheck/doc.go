// Package giouringcheck holds only tests: they compare ring/iouring with the
// binding github.com/pawelgaczynski/giouring. See README.md.
package giouringcheck
