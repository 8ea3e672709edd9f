package mem

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"syscall"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/epoll"
	"github.com/uringserve/uringserve/ring/proactor"
)

// listener is one listening socket. Several listeners may share an address,
// one per loop, and several loops a descriptor.
type listener struct {
	k       *kernel
	address string
	addr    net.Addr
	queue   []*socket // connected, not accepted
	waiting []*socket // no room in the queue yet
	refs    int       // descriptors
	shut    bool      // nobody can connect, or be accepted
	source
}

// enqueue connects s, or lets it wait until there is room.
func (l *listener) enqueue(s *socket) {
	if len(l.queue) >= l.k.o.Backlog {
		l.waiting = append(l.waiting, s)
		return
	}
	l.queue = append(l.queue, s)
	l.arrived(l.k)
}

// accept takes a connection off the queue, nil if there is none.
func (l *listener) accept() *socket {
	if len(l.queue) == 0 {
		return nil
	}
	s := l.queue[0]
	l.queue = l.queue[1:]
	if len(l.waiting) > 0 {
		l.queue = append(l.queue, l.waiting[0])
		l.waiting = l.waiting[1:]
	}
	return s
}

// release closes one of the descriptors; with the last one, or a shutdown,
// what waits to be accepted is reset, as in Linux.
func (l *listener) release() {
	if l.refs--; l.refs == 0 {
		l.end()
	}
}

// shutdown ends listening while there are descriptors.
func (l *listener) shutdown() {
	l.shut = true
	l.end()
	l.changed(l.k, 0)
}

// holds is what readiness says of l.
func (l *listener) holds() (e epoll.Events) {
	if len(l.queue) > 0 {
		e |= epoll.Readable
	}
	if l.shut {
		e |= epoll.Hangup
	}
	return e
}

// end takes l off the network.
func (l *listener) end() {
	l.k.listeners = slices.DeleteFunc(l.k.listeners, func(o *listener) bool { return o == l })
	for _, s := range append(l.queue, l.waiting...) {
		s.linger0 = true
		s.close()
	}
	l.queue, l.waiting = nil, nil
}

func (l *listener) remove(o *op) {
	l.ops = slices.DeleteFunc(l.ops, func(x *op) bool { return x == o })
}

// sockets is the kernel as proactor.Sockets.
type sockets struct{ k *kernel }

// Listen implements proactor.Sockets. A "tcp" address gets one listening
// socket per loop, a "unix" one a single descriptor for all.
func (n sockets) Listen(network, address string, loops int) ([]int, net.Addr, error) {
	addr, err := n.k.resolve(network, address)
	if err != nil {
		return nil, nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	if n.k.lookup(addr.String()) != nil {
		return nil, nil, &net.OpError{Op: "listen", Net: network, Addr: addr,
			Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
	}
	if addr.Network() == "unix" {
		fd := n.k.dup(n.k.listen(addr))
		return slices.Repeat([]int{fd}, loops), addr, nil
	}
	var fds []int
	for range loops {
		fds = append(fds, n.k.dup(n.k.listen(addr)))
	}
	return fds, addr, nil
}

func (k *kernel) resolve(network, address string) (net.Addr, error) {
	switch network {
	case "unix":
		return &net.UnixAddr{Name: address, Net: "unix"}, nil
	case "tcp", "tcp4", "tcp6":
	default:
		return nil, net.UnknownNetworkError(network)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ip := net.ParseIP(host)
	if host == "" || host == "localhost" {
		ip = net.IPv4(127, 0, 0, 1)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || ip == nil {
		return nil, &net.AddrError{Err: "cannot be resolved here", Addr: address}
	}
	if number == 0 {
		k.tcpPort++
		number = uint64(k.tcpPort)
	}
	return &net.TCPAddr{IP: ip, Port: int(number)}, nil
}

func (k *kernel) listen(addr net.Addr) *listener {
	l := &listener{k: k, address: addr.String(), addr: addr}
	k.listeners = append(k.listeners, l)
	return l
}

func (k *kernel) dup(l *listener) int {
	l.refs++
	return k.open(file{listener: l})
}

func (k *kernel) lookup(address string) []*listener {
	var found []*listener
	for _, l := range k.listeners {
		if l.address == address {
			found = append(found, l)
		}
	}
	return found
}

// Adopt implements proactor.Sockets for listeners made by Engine.NewListener.
func (n sockets) Adopt(ln net.Listener, loops int) ([]int, net.Addr, error) {
	m, ok := ln.(*Listener)
	if !ok || m.l == nil {
		return nil, nil, ring.ErrNotAdoptable
	}
	fds := slices.Repeat([]int{n.k.dup(m.l)}, loops)
	return fds, m.addr, m.Close()
}

// AcceptNow implements proactor.Sockets.
func (n sockets) AcceptNow(fd int) (int, proactor.Errno) {
	l := n.k.file(fd).listener
	if l == nil {
		return -1, proactor.EBADF
	}
	s := l.accept()
	if s == nil {
		return -1, proactor.EAGAIN
	}
	return n.k.open(file{socket: s}), 0
}

// CloseListener implements proactor.Sockets.
func (n sockets) CloseListener(fd int) {
	l := n.k.file(fd).listener
	if l == nil {
		n.k.violate("listening descriptor %d closed, but it is not open", fd)
		return
	}
	n.k.unwatch(fd, nil)
	n.k.free(fd)
	l.release()
}

// Conn implements proactor.Sockets. By a fault there is no descriptor left.
func (n sockets) Conn(fd int) (net.Conn, error) {
	s := n.k.file(fd).socket
	if s == nil {
		n.k.violate("descriptor %d made a net.Conn, but it is not open", fd)
		return nil, proactor.EBADF
	}
	if n.k.chance(n.k.o.Faults.Accept) {
		n.k.resets++
		return nil, proactor.EMFILE
	}
	return &netConn{k: n.k, s: s, fd: n.k.open(file{socket: s})}, nil
}

// Addrs implements proactor.Sockets.
func (n sockets) Addrs(fd int) (remote, local net.Addr) {
	s := n.k.file(fd).socket
	if s == nil {
		n.k.violate("addresses of descriptor %d, which is not open", fd)
		return nil, nil
	}
	return s.remote, s.local
}

// connect makes a connection to address: the client's end, nil if nobody
// listens.
func (k *kernel) connect(address string) *socket {
	group := k.lookup(address)
	if len(group) == 0 {
		return nil
	}
	l := group[k.pairs%len(group)]
	if !k.o.Faults.none() {
		l = group[k.random.IntN(len(group))]
	}
	k.pairs++
	c := &socket{k: k, name: fmt.Sprintf("c%d", k.pairs), max: k.o.PeerSendBuf, inMax: k.o.PeerRecvBuf}
	s := &socket{k: k, name: fmt.Sprintf("s%d", k.pairs), max: k.o.SendBuf, inMax: k.o.RecvBuf}
	c.other, s.other = s, c
	s.local, c.remote = l.addr, l.addr
	if l.addr.Network() != "unix" {
		c.local = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 50000 + k.pairs%10000}
		s.remote = c.local
	}
	k.note("%s connects", c.name)
	l.enqueue(s)
	return c
}

// Listener is a listening socket that no engine has adopted yet. It accepts
// nothing by itself.
type Listener struct {
	l    *listener // nil: closed, or adopted
	addr net.Addr
}

// Accept answers net.ErrClosed: only an engine accepts from a simulated listener.
func (m *Listener) Accept() (net.Conn, error) { return nil, net.ErrClosed }

// Close gives up the socket.
func (m *Listener) Close() error {
	if m.l == nil {
		return net.ErrClosed
	}
	m.l.release()
	m.l = nil
	return nil
}

// Addr is the bound address.
func (m *Listener) Addr() net.Addr { return m.addr }
