// Package auto picks the engine that this system can run, and says why. It
// knows no protocol.
//
//	engine, choice, err := auto.New(auto.Options{})
//	log.Print(choice.Engine, ": ", choice.Reason)
//
// The ladder is uring, then epoll, then net. What runs is found out by trying
// it, never by the kernel's version. Where io_uring is denied, the package asks
// further who denies it, a filter of system calls, a sysctl, a limit or an old
// kernel, so that the reason names what to change, in the words of the place
// where the process runs: a pod, a container, a service. An engine that is
// asked for by name is made or refused, never replaced.
package auto
