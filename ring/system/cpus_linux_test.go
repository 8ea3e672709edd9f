package system

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCPUQuota(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  int
	}{
		{"none", map[string]string{"proc/self/cgroup": "0::/a/b\n"}, 0},
		{"no cgroups", nil, 0},
		{"unlimited", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, 0},
		{"rounded up", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 2},
		{"exact", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2},
		{"less than one", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "1000 100000\n"}, 1},
		{"parent is tighter", map[string]string{
			"proc/self/cgroup":          "0::/a/b\n",
			"sys/fs/cgroup/a/b/cpu.max": "400000 100000\n",
			"sys/fs/cgroup/a/cpu.max":   "100000 100000\n",
		}, 1},
		{"version 1", map[string]string{
			"proc/self/cgroup":                       "7:memory:/m\n4:cpu,cpuacct:/x\n",
			"sys/fs/cgroup/cpu/x/cpu.cfs_quota_us":   "250000\n",
			"sys/fs/cgroup/cpu/x/cpu.cfs_period_us":  "100000\n",
			"sys/fs/cgroup/cpu/m/cpu.cfs_quota_us":   "100\n",
			"sys/fs/cgroup/cpu/m/cpu.cfs_period_us":  "100\n",
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us":     "-1\n",
			"sys/fs/cgroup/cpu/cpu.cfs_period_us":    "100000\n",
			"sys/fs/cgroup/cpuset/cpu.cfs_period_us": "100000\n",
		}, 3},
		{"garbage", map[string]string{"proc/self/cgroup": "x\n0::/\n", "sys/fs/cgroup/cpu.max": "a b c\n"}, 0},
	}
	for _, tt := range tests {
		root := t.TempDir()
		for name, text := range tt.files {
			path := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got := cpuQuota(root); got != tt.want {
			t.Errorf("%s: %d CPUs, want %d", tt.name, got, tt.want)
		}
	}
	if CPUs() < 1 {
		t.Error("no CPU")
	}
}
