package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// userHz is the unit of times in /proc, per second: the same on every machine.
const userHz = 100

// stat is what bench reads of /proc/<pid>/stat.
type stat struct {
	parent              int
	userTicks, sysTicks uint64 // 1/userHz seconds, all threads, ended ones included
	childTicks          uint64 // user and system, of children that were waited for
}

// parseStat reads the text of /proc/<pid>/stat. The program's name, which may
// contain anything, ends at the last parenthesis.
func parseStat(b []byte) (stat, error) {
	end := bytes.LastIndexByte(b, ')')
	fields := bytes.Fields(b[end+1:])
	if end < 0 || len(fields) < 15 {
		return stat{}, fmt.Errorf("not a stat line: %.60q", b)
	}
	var n [5]uint64
	for i, field := range [...]int{1, 11, 12, 13, 14} {
		var err error
		if n[i], err = strconv.ParseUint(string(fields[field]), 10, 64); err != nil {
			return stat{}, fmt.Errorf("not a stat line: %w", err)
		}
	}
	return stat{int(n[0]), n[1], n[2], n[3] + n[4]}, nil
}

// parsePSS reads the text of /proc/<pid>/smaps_rollup: the proportional set
// size in bytes.
func parsePSS(b []byte) (int64, error) {
	for line := range bytes.Lines(b) {
		rest, ok := bytes.CutPrefix(line, []byte("Pss:"))
		if !ok {
			continue
		}
		number, ok := bytes.CutSuffix(bytes.TrimSpace(rest), []byte(" kB"))
		if !ok {
			break
		}
		kb, err := strconv.ParseInt(string(bytes.TrimSpace(number)), 10, 64)
		return kb << 10, err
	}
	return 0, fmt.Errorf("no Pss in %.60q", b)
}

// parseBusy reads the text of /proc/stat: for how long a CPU was not idle.
func parseBusy(b []byte, cpu int) (time.Duration, error) {
	name := []byte(fmt.Sprintf("cpu%d ", cpu))
	for line := range bytes.Lines(b) {
		rest, ok := bytes.CutPrefix(line, name)
		if !ok {
			continue
		}
		var busy uint64
		for i, f := range bytes.Fields(rest) {
			n, err := strconv.ParseUint(string(f), 10, 64)
			if err != nil {
				return 0, err
			}
			if i < 8 && i != 3 && i != 4 { // idle and iowait; guest is in user
				busy += n
			}
		}
		return ticks(busy), nil
	}
	return 0, fmt.Errorf("no CPU %d in /proc/stat", cpu)
}

func ticks(n uint64) time.Duration { return time.Duration(n) * time.Second / userHz }

// processes reads the stat of every process.
func processes() (map[int]stat, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	all := map[int]stat{}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		st, err := parseStat(b)
		if err != nil {
			return nil, err
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			return nil, err
		}
		all[pid] = st
	}
	return all, nil
}

// family is pid and all that descend from it.
func family(pid int, all map[int]stat) []int {
	members := []int{pid}
	for child, st := range all {
		if st.parent == pid {
			members = append(members, family(child, all)...)
		}
	}
	return members
}

// usage is the CPU time of a process and its descendants so far.
type usage struct {
	total     time.Duration // to the nanosecond
	user, sys time.Duration // to 10 ms; good for their ratio
}

// since is the CPU time used after earlier: the exact total, divided between
// user and system as the kernel's ticks say.
func (u usage) since(earlier usage) (user, sys time.Duration) {
	total := u.total - earlier.total
	du, ds := u.user-earlier.user, u.sys-earlier.sys
	if du+ds <= 0 {
		return total, 0
	}
	user = time.Duration(float64(total) * float64(du) / float64(du+ds))
	return user, total - user
}

// familyUsage reads the CPU time of pid and its descendants.
func familyUsage(pid int) (usage, error) {
	all, err := processes()
	if err != nil {
		return usage{}, err
	}
	var u usage
	for _, p := range family(pid, all) {
		total, err := cpuClock(p)
		if err != nil && p != pid {
			continue // a child that has just ended
		}
		if err != nil {
			return usage{}, err
		}
		u.total += total
		u.user += ticks(all[p].userTicks)
		u.sys += ticks(all[p].sysTicks)
	}
	return u, nil
}

// familyPSS is the memory of pid and its descendants in bytes, pages that are
// shared counted in proportion.
func familyPSS(pid int) (int64, error) {
	all, err := processes()
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, p := range family(pid, all) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p))
		if err != nil && p != pid {
			continue // a child that has just ended
		}
		if err != nil {
			return 0, err
		}
		pss, err := parsePSS(b)
		if err != nil {
			return 0, err
		}
		sum += pss
	}
	return sum, nil
}

// foreignTime is for how long these CPUs were busy since boot with what is not
// of this run: neither this process, nor a descendant, nor one that has ended
// and been waited for. Good for differences, to tens of milliseconds.
func foreignTime(cpus []int) (time.Duration, error) {
	all, err := processes()
	if err != nil {
		return 0, err
	}
	busy, err := busyTime(cpus)
	if err != nil {
		return 0, err
	}
	for _, p := range family(os.Getpid(), all) {
		busy -= ticks(all[p].userTicks + all[p].sysTicks + all[p].childTicks)
	}
	return busy, nil
}

// busyTime is for how long these CPUs were not idle since boot.
func busyTime(cpus []int) (time.Duration, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, c := range cpus {
		busy, err := parseBusy(b, c)
		if err != nil {
			return 0, err
		}
		sum += busy
	}
	return sum, nil
}

// parseEstablished reads the text of /proc/<pid>/net/tcp: the connections in
// state ESTABLISHED whose local port is port.
func parseEstablished(b []byte, port int) int {
	const established = "01"
	suffix := fmt.Sprintf(":%04X", port)
	n := 0
	for line := range bytes.Lines(b) {
		f := bytes.Fields(line)
		if len(f) > 3 && bytes.HasSuffix(f[1], []byte(suffix)) && string(f[3]) == established {
			n++
		}
	}
	return n
}

// establishedTo counts the connections to s that are open.
func establishedTo(s *server) (int, error) {
	_, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return 0, err
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", s.pid()))
	return parseEstablished(b, n), err
}
