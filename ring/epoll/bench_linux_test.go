package epoll

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring/proactor"
)

// BenchmarkEcho is a Port without a loop above it: 128 bytes in, 256 out, on
// 64 TCP connections of the loopback. The client, on a thread of its own,
// writes to all and then reads from all. server-ns/op is the CPU time of the
// server's thread, the kernel's part included.
func BenchmarkEcho(b *testing.B) {
	const conns = 64
	p := newTestPort(b, Options{})
	p.provideAll()
	var peers [conns]int
	for i := range conns {
		var fd int
		fd, peers[i] = tcpFDs(b)
		p.Recv(fd, ud(proactor.OpRecv, uint32(fd)))
	}
	p.enter(proactor.NoWait, 0)
	rounds := b.N/conns + 1
	total := rounds * conns
	done := make(chan struct{})
	go func() {
		defer close(done)
		client(b, peers[:], rounds)
	}()
	arena := p.SendArena()
	runtime.LockOSThread() // whose CPU time is counted
	defer runtime.UnlockOSThread()
	var out [256]proactor.Completion
	b.ResetTimer()
	begin := threadCPU(b)
	enters, empty := 0, 0
	for served := 0; served < total; {
		wait := proactor.WaitBrief
		if empty > 2 {
			wait = proactor.WaitLong
		}
		p.enter(wait, time.Second)
		enters++
		empty++
		used := 0
		for n := p.Reap(out[:]); n > 0; n = p.Reap(out[:]) {
			empty = 0
			for i := range out[:n] {
				c := &out[i]
				if c.Res != 128 || !c.More {
					b.Fatalf("%+v", *c)
				}
				p.Provide(c.Buf)
				p.Send(int(c.UserData.Slot()), arena[used:used+256], ud(proactor.OpSend, 0), true)
				used += 256
				served++
			}
		}
	}
	p.enter(proactor.NoWait, 0)
	cpu := threadCPU(b) - begin
	b.StopTimer()
	<-done
	b.ReportMetric(float64(cpu)/float64(total), "server-ns/op")
	b.ReportMetric(float64(total)/float64(enters), "ops/enter")
}

// client is blocking system calls on a thread of its own.
func client(b *testing.B, fds []int, rounds int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var in, out [256]byte
	for range rounds {
		for _, fd := range fds {
			if n, err := unix.Write(fd, out[:128]); n != 128 || err != nil {
				b.Errorf("write: %d, %v", n, err)
				return
			}
		}
		for _, fd := range fds {
			for got := 0; got < 256; {
				n, err := unix.Read(fd, in[:])
				if n <= 0 || err != nil {
					b.Errorf("read: %d, %v", n, err)
					return
				}
				got += n
			}
		}
	}
}

// tcpFDs is tcpPair with a plain descriptor on both sides.
func tcpFDs(b *testing.B) (server, peer int) {
	b.Helper()
	server, c := tcpPair(b)
	raw, err := c.SyscallConn()
	if err != nil {
		b.Fatal(err)
	}
	raw.Control(func(fd uintptr) { peer, err = unix.Dup(int(fd)) })
	if err == nil {
		err = unix.SetNonblock(peer, false)
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { closeAll(server, peer) })
	return server, peer
}

func threadCPU(b *testing.B) time.Duration {
	b.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		b.Fatal(err)
	}
	return time.Duration(ts.Nano())
}
