//go:build race

package netengine

const raceEnabled = true
