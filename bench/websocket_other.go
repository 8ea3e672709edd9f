//go:build !linux

package main

import "time"

func websockets(string, int, int, time.Duration) wsResult {
	return wsResult{Failed: 1, FirstError: errLinux.Error()}
}

func serveFloor(string) error { return errLinux }
