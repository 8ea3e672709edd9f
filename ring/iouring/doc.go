// Package iouring is the io_uring system-call interface on golang.org/x/sys:
// set-up, the two rings, the operations that a server needs, provided-buffer
// rings, and probes that find out by trying what the kernel does. It knows no
// connection and no protocol; outside Linux it holds only the probe's words.
//
// Ownership: a Ring belongs to one caller at a time, on any thread (it is set
// up without SINGLE_ISSUER). Memory whose address goes into a submission must
// lie outside the Go heap (Map) and stay until its completion: the kernel
// holds numbers, which no garbage collector sees. User data is a number, too.
//
//	r, err := iouring.Setup(iouring.Config{Entries: 256})
//	sqe := r.GetSQE()
//	sqe.PrepNop()
//	sqe.UserData = 7
//	_, errno := r.Enter(1, -1, iouring.Scheduled)
//	cqe, ok := r.PeekCQE()
//	r.AdvanceCQ(1)
//
// A ring can do what a server does with sockets and nothing else: the kernel
// denies other operations for good (Ring.Unrestricted says where it does not).
//
// Versions are never parsed: Setup goes down a ladder of flags until the
// kernel accepts them, and Probe tries each behaviour on real sockets.
package iouring
