package main

import (
	"os"
	"os/exec"
	"runtime"
	"slices"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	// A name with spaces and parentheses, as a program may choose it.
	const line = "4242 (a ) R 1 (x) S 17 4242 4242 0 -1 4194560 1 2 3 4 1234 567 8 9 20 0 1 0 100 200 300\n"
	got, err := parseStat([]byte(line))
	if want := (stat{parent: 17, userTicks: 1234, sysTicks: 567, childTicks: 17}); err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	for _, bad := range []string{"", "1 (x", "1 (x) S 1 2 3", "1 (x) S y 1 1 0 -1 0 1 2 3 4 5 6 7 8", "1 (x) S 1 1 1 0 -1 0 1 2 3 4 5 6"} {
		if got, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q: got %+v, want an error", bad, got)
		}
	}
}

func TestParsePSS(t *testing.T) {
	const text = "5581e7 ---p 00000000 00:00 0   [rollup]\nRss:  4321 kB\nPss:      1280 kB\nPss_Dirty:  99 kB\n"
	if got, err := parsePSS([]byte(text)); err != nil || got != 1280<<10 {
		t.Errorf("got %d, %v", got, err)
	}
	for _, bad := range []string{"", "Pss: kB\n", "Pss: 12 MB\n", "Rss: 1 kB\n"} {
		if got, err := parsePSS([]byte(bad)); err == nil {
			t.Errorf("%q: got %d, want an error", bad, got)
		}
	}
}

func TestParseBusy(t *testing.T) {
	const text = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 1 2 4 800 1600 8 16 32 64 128\ncpu1 5 0 0 0 0 0 0 0 0 0\ncpu10 7 0 0 0 0 0 0 0 0 0\n"
	for cpu, want := range map[int]time.Duration{0: 630 * time.Millisecond, 1: 50 * time.Millisecond} {
		if got, err := parseBusy([]byte(text), cpu); err != nil || got != want {
			t.Errorf("CPU %d: got %v, %v; want %v", cpu, got, err, want)
		}
	}
	if _, err := parseBusy([]byte(text), 2); err == nil {
		t.Error("CPU 2 is not there, and no error")
	}
}

func TestParseEstablished(t *testing.T) {
	const text = `  sl  local_address rem_address   st tx_queue
   0: 0100007F:1F90 00000000:0000 0A 0:0
   1: 0100007F:1F90 0100007F:C350 01 0:0
   2: 0100007F:C350 0100007F:1F90 01 0:0
   3: 0100007F:1F90 0100007F:C351 06 0:0
   4: 0100007F:1F90 0200007F:C350 01 0:0
`
	if got := parseEstablished([]byte(text), 8080); got != 2 {
		t.Errorf("got %d, want 2", got)
	}
}

func TestFamily(t *testing.T) {
	parents := map[int]stat{1: {}, 2: {parent: 1}, 5: {parent: 1}, 3: {parent: 2}, 4: {parent: 3}, 6: {parent: 5}}
	got := family(2, parents)
	slices.Sort(got)
	if want := []int{2, 3, 4}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestUsageSince(t *testing.T) {
	before := usage{total: time.Second, user: 300 * time.Millisecond, sys: 700 * time.Millisecond}
	after := usage{total: 2 * time.Second, user: 550 * time.Millisecond, sys: 1450 * time.Millisecond}
	user, sys := after.since(before)
	if user != 250*time.Millisecond || sys != 750*time.Millisecond {
		t.Errorf("got %v and %v; the exact total must be divided 1:3", user, sys)
	}
	if user, sys := (usage{total: 2}).since(usage{total: 1}); user != 1 || sys != 0 {
		t.Errorf("without ticks: got %d and %d", user, sys)
	}
}

// TestOwnUsage reads what the kernel says of this very process.
func TestOwnUsage(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc, which is Linux'")
	}
	before, err := familyUsage(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	const burnt = 60 * time.Millisecond
	clock, err := cpuClock(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for now := clock; now-clock < burnt; {
		if now, err = cpuClock(os.Getpid()); err != nil {
			t.Fatal(err)
		}
	}
	after, err := familyUsage(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if user, sys := after.since(before); user+sys < burnt {
		t.Errorf("%v burnt, %v seen", burnt, user+sys)
	}
	if n, err := familyPSS(os.Getpid()); err != nil || n < 1<<20 || n > 1<<30 {
		t.Errorf("PSS of the test: %d, %v", n, err)
	}
}

// TestFamilyUsageOfGone asks about a process that has ended.
func TestFamilyUsageOfGone(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc, which is Linux'")
	}
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if u, err := familyUsage(cmd.Process.Pid); err == nil {
		t.Errorf("got %+v, want an error", u)
	}
}
