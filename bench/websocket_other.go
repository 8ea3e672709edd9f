//go:build !linux

package main

import "time"

func websockets(string, int, time.Duration) wsResult {
	return wsResult{Failed: 1, FirstError: errLinux.Error()}
}
