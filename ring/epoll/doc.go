// Package epoll is readiness as a kernel of the proactor: a Port that does an
// operation when the system says that it can be done. The Port knows no system
// call; it makes them through Calls, which are those of Linux (epoll_pwait2,
// accept4, recv, send) or of a simulated kernel. It knows no connection and no
// protocol.
package epoll
