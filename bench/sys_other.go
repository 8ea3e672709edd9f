//go:build !linux

package main

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// What bench needs of the operating system (CPU pinning, network namespaces,
// /proc) it finds on Linux only. Elsewhere it compiles, and says so.
var errLinux = errors.New("bench runs on Linux only")

func pinSelf(int) error                                   { return errLinux }
func become([]int, string, []string) error                { return errLinux }
func dialIn(int, string, time.Duration) (net.Conn, error) { return nil, errLinux }
func ownGroup() *syscall.SysProcAttr                      { return nil }
func killGroup(int) error                                 { return errLinux }
func cpuClock(int) (time.Duration, error)                 { return 0, errLinux }
func kernelRelease() string                               { return "unknown" }
func preciseSleep(d time.Duration)                        { time.Sleep(d) }
