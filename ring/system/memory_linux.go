package system

import "golang.org/x/sys/unix"

// Map returns n zeroed bytes outside the Go heap, page-aligned: memory that
// the kernel may touch later. Pages cost nothing before they are touched. The
// caller gives it back with Unmap.
func Map(n int) ([]byte, error) {
	return unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
}

// Unmap gives back what Map returned, whole. Nothing may point into it.
func Unmap(m []byte) {
	if m == nil {
		return
	}
	if err := unix.Munmap(m); err != nil {
		panic("BUG: system: unmap of memory that was not mapped: " + err.Error())
	}
}
