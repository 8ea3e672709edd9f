package iouring

import sys "github.com/uringserve/uringserve/ring/system"

// Map is system.Map: memory that the kernel may touch later.
func Map(n int) ([]byte, error) { return sys.Map(n) }

// Unmap is system.Unmap.
func Unmap(m []byte) { sys.Unmap(m) }
