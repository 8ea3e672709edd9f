// Package denied is test support: it starts child processes to which the
// system denies io_uring, or other system calls, as a container's seccomp
// profile does. Only Linux has anything in it.
//
//	cmd := exec.Command(binary, "serve", "--engine", "auto")
//	err := denied.Start(cmd, syscall.EPERM)
//	…
//	err = cmd.Wait()
//
// With calls named, it denies these instead:
//
//	err := denied.Start(cmd, syscall.EPERM, denied.EpollPwait2)
package denied
