package tls

import (
	"runtime"
	"testing"

	cryptotls "crypto/tls"
)

// heap is what is live after a collection, in bytes.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // what pools held goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// parkedBudget is what an established connection may hold while it waits for
// its client, in bytes of heap, with everything that crypto/tls keeps.
const parkedBudget = 8 << 10

// What an idle TLS connection costs after a handshake and a small request: the
// Conn, its crypto/tls half, and no buffer of ours.
func TestParkedMemory(t *testing.T) {
	if raceEnabled || invariants {
		t.Skip("the race detector and the asserts change sizes")
	}
	const n = 400
	p := newHandshaker(t, HandshakerOptions{})
	server := serverConfig(t, nil)
	for name, version := range versions {
		client := clientConfig(t, version)
		park := func() *Conn {
			r, c := mustDial(t, p, server, client)
			echo(t, c, "GET /plaintext HTTP/1.1\r\nHost: localhost:8443\r\nUser-Agent: a browser\r\nAccept: */*\r\n\r\n")
			r.halt()
			if r.c.in.kept != nil || r.c.pending != nil || r.c.hs != nil || r.c.in.lent != nil {
				t.Fatalf("an idle connection holds %+v", &r.c.in)
			}
			return r.c
		}
		park() // what is made once
		before := heap()
		conns := make([]*Conn, 0, n)
		for range n {
			conns = append(conns, park())
		}
		each := (int64(heap()) - int64(before)) / n
		t.Logf("%s: %d bytes of heap per parked connection", name, each)
		if each > parkedBudget {
			t.Errorf("%s: %d bytes per parked connection, budget %d", name, each, parkedBudget)
		}
		runtime.KeepAlive(conns)
	}
}

// What a handshake costs that waits for the rest of its client's flights, its
// goroutine's stack included.
func TestWaitingMemory(t *testing.T) {
	if raceEnabled || invariants {
		t.Skip("the race detector and the asserts change sizes")
	}
	const n = 400
	p := newHandshaker(t, HandshakerOptions{})
	server := serverConfig(t, nil)
	hello := captureHello(t, nil)
	before := heap() + stacks()
	all := make([]*rig, 0, n)
	for range n {
		r := newRig(t, p, server)
		if err := r.c.Feed(hello); err != nil {
			t.Fatal(err)
		}
		<-r.wake
		r.c.AppendOutput(nil)
		all = append(all, r)
	}
	each := (heap() + stacks() - before) / n
	t.Logf("%d bytes per handshake that waits for its client", each)
	if each > 48<<10 {
		t.Errorf("%d bytes", each)
	}
	for _, r := range all {
		r.c.Release()
	}
}

func stacks() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.StackInuse
}

// loopback is an established Conn and a client, both driven by the benchmark.
func loopback(b testing.TB, version func(*cryptotls.Config)) (*Conn, *cryptotls.Conn, *clientEnd) {
	r, c := mustDial(b, newHandshaker(b, HandshakerOptions{}), serverConfig(b, nil), clientConfig(b, version))
	r.halt()
	return r.c, c, r.end()
}

// wires makes n records of a client's, to be fed.
func wires(client *cryptotls.Conn, end *clientEnd, n, size int) [][]byte {
	data := make([]byte, size)
	all := make([][]byte, n)
	for i := range all {
		_, _ = client.Write(data)
		all[i], _ = end.up.take()
	}
	return all
}

// One request and one response of 150 bytes each.
func BenchmarkRequestResponse(b *testing.B) {
	for name, version := range versions {
		b.Run(name, func(b *testing.B) {
			c, client, end := loopback(b, version)
			requests := wires(client, end, b.N, 150)
			plain, response, out := make([]byte, 4096), make([]byte, 150), make([]byte, 0, 4096)
			b.ReportAllocs()
			b.ResetTimer()
			for _, wire := range requests {
				if err := c.Feed(wire); err != nil {
					b.Fatal(err)
				}
				if n, err := c.Read(plain); n != 150 {
					b.Fatal(n, err)
				}
				if _, err := c.Read(plain); err != ErrWouldBlock {
					b.Fatal(err)
				}
				c.Detach()
				var err error
				if out, err = c.AppendData(out[:0], response); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Allocations of the hot path: crypto/tls makes one per record it reads.
func TestAllocations(t *testing.T) {
	if raceEnabled || invariants {
		t.Skip("the race detector and the asserts allocate")
	}
	for name, version := range versions {
		c, client, end := loopback(t, version)
		requests := wires(client, end, 1100, 150)
		plain, out := make([]byte, 4096), make([]byte, 0, 4096)
		i := 0
		n := testing.AllocsPerRun(1000, func() {
			_ = c.Feed(requests[i])
			i++
			if n, err := c.Read(plain); n != 150 {
				t.Fatal(n, err)
			}
			if _, err := c.Read(plain); err != ErrWouldBlock {
				t.Fatal(err)
			}
			c.Detach()
			out, _ = c.AppendData(out[:0], plain[:150])
		})
		t.Logf("%s: %v allocations per request", name, n)
		if n > 2 {
			t.Errorf("%s: %v allocations per request", name, n)
		}
	}
}

// Bulk, in records of 16 KiB.
func BenchmarkBulkWrite(b *testing.B) {
	c, _, _ := loopback(b, versions["TLS 1.3"])
	data, out := make([]byte, 64<<10), make([]byte, 0, 80<<10)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if out, err = c.AppendData(out[:0], data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBulkRead(b *testing.B) {
	c, client, end := loopback(b, versions["TLS 1.3"])
	plain := make([]byte, 16<<10)
	b.SetBytes(16 << 10)
	b.ReportAllocs()
	for i := 0; i < b.N; {
		b.StopTimer()
		all := wires(client, end, min(100, b.N-i), 16<<10)
		b.StartTimer()
		for _, wire := range all {
			_ = c.Feed(wire)
			for n := 0; n < 16<<10; {
				m, err := c.Read(plain)
				if err != nil {
					b.Fatal(err)
				}
				n += m
			}
			c.Detach()
			i++
		}
	}
}

// A handshake, the server's and the client's half of it: ours is a bit less
// than half.
func BenchmarkHandshake(b *testing.B) {
	for name, version := range versions {
		b.Run(name, func(b *testing.B) {
			p := newHandshaker(b, HandshakerOptions{})
			server, client := serverConfig(b, nil), clientConfig(b, version)
			for b.Loop() {
				r, _, err := dial(b, p, server, client)
				if err != nil {
					b.Fatal(err)
				}
				r.close()
			}
		})
	}
}

// The server's half up to its first flight, which is nearly all it computes:
// the key exchange and the signature.
func BenchmarkServerFlight(b *testing.B) {
	for name, version := range versions {
		b.Run(name, func(b *testing.B) {
			p := newHandshaker(b, HandshakerOptions{})
			server := serverConfig(b, nil)
			hello := captureHello(b, version)
			b.ReportAllocs()
			for b.Loop() {
				r := newRig(b, p, server)
				_ = r.c.Feed(hello)
				<-r.wake
				if !r.c.HasOutput() {
					b.Fatal("no flight")
				}
				r.c.Release()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "flights/s")
		})
	}
}
