package system

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// CPUs is how many CPUs this process may use: those of its affinity, but not
// more than the quota of its cgroups rounded up; at least 1.
func CPUs() int {
	n := runtime.NumCPU()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err == nil {
		n = set.Count()
	}
	if quota := cpuQuota("/"); quota > 0 {
		n = min(n, quota)
	}
	return max(n, 1)
}

// cpuQuota is the smallest CPU quota of this process's cgroups and those above
// them, rounded up to whole CPUs; 0: none. root is where proc and sys are.
func cpuQuota(root string) int {
	b, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return 0
	}
	least := 0
	// A line is "hierarchy:controllers:path"; version 2 names no controllers.
	for line := range strings.Lines(string(b)) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) != 3 {
			continue
		}
		top, read := "sys/fs/cgroup", quotaV2
		if part[1] != "" {
			if !hasWord(part[1], "cpu") {
				continue
			}
			top, read = "sys/fs/cgroup/cpu", quotaV1
		}
		for path := filepath.Clean("/" + part[2]); ; path = filepath.Dir(path) {
			if q := read(filepath.Join(root, top, path)); q > 0 && (least == 0 || q < least) {
				least = q
			}
			if path == "/" {
				break
			}
		}
	}
	return least
}

func hasWord(list, word string) bool {
	for w := range strings.SplitSeq(list, ",") {
		if w == word {
			return true
		}
	}
	return false
}

// quotaV2 reads "quota period" or "max period".
func quotaV2(dir string) int {
	b, err := os.ReadFile(filepath.Join(dir, "cpu.max"))
	if err != nil {
		return 0
	}
	quota, period, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	return wholeCPUs(quota, period)
}

func quotaV1(dir string) int {
	quota, err := os.ReadFile(filepath.Join(dir, "cpu.cfs_quota_us"))
	if err != nil {
		return 0
	}
	period, err := os.ReadFile(filepath.Join(dir, "cpu.cfs_period_us"))
	if err != nil {
		return 0
	}
	return wholeCPUs(strings.TrimSpace(string(quota)), strings.TrimSpace(string(period)))
}

// wholeCPUs is quota/period rounded up; 0 if there is no quota ("max", -1).
func wholeCPUs(quota, period string) int {
	q, err := strconv.Atoi(quota)
	if err != nil || q <= 0 {
		return 0
	}
	p, err := strconv.Atoi(period)
	if err != nil || p <= 0 {
		return 0
	}
	return (q-1)/p + 1
}
