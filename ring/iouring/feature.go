package iouring

// State is what a probe found.
type State string

// The states of a Feature.
const (
	Works        State = "works"
	Unsupported  State = "unsupported"
	Inconclusive State = "inconclusive" // the probe itself could not run
)

// Feature is one behaviour of the kernel, found out by trying it.
type Feature struct {
	Name     string
	State    State
	Reason   string // why it does not work, or a remark; may be empty
	Required bool   // the uring engine cannot run without it
}

// MinEntries is the smallest submission ring that Setup falls back to when
// memory may not be locked.
const MinEntries = 8
