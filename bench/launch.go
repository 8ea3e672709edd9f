package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Networks a process can be launched in, besides that of another process,
// which is named by its id.
const (
	networkHost = "host" // ours
	networkNew  = "new"  // one of its own, with only a loopback
)

// launch says where a process runs.
type launch struct {
	cpus    []int
	network string
}

// command is argv, started through the launcher. It is killed, with its group,
// when ctx ends.
func (r *runner) command(ctx context.Context, l launch, argv ...string) *exec.Cmd {
	args := []string{"exec", "-cpus", joinInts(l.cpus), "-net", l.network, "--"}
	cmd := exec.CommandContext(ctx, r.self, append(args, argv...)...)
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return killGroup(cmd.Process.Pid) }
	cmd.WaitDelay = 2 * time.Second
	return cmd
}

// launcherMain is bench exec: it pins itself, enters a network namespace, and
// becomes the program it is given.
func launcherMain(args []string) error {
	fs := flag.NewFlagSet("bench exec", flag.ContinueOnError)
	cpus := fs.String("cpus", "0", "CPUs, separated by commas")
	network := fs.String("net", networkHost, "host, new, or the id of a process to join")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() == 0 {
		return usageError("bench exec: no program")
	}
	set, err := splitInts(*cpus)
	if err != nil {
		return usageError("bench exec: " + err.Error())
	}
	return become(set, *network, fs.Args())
}

// runLoad runs a load generator beside s to its end and answers what it
// printed, and the CPU time it took as a share of the wall time.
func (r *runner) runLoad(ctx context.Context, s *server, argv ...string) ([]byte, float64, error) {
	return r.watchLoad(ctx, s, func(string) {}, argv...)
}

// watchLoad is runLoad that shows see each line as soon as it is printed.
func (r *runner) watchLoad(ctx context.Context, s *server, see func(line string), argv ...string) ([]byte, float64, error) {
	cmd := r.command(ctx, launch{[]int{r.cfg.loadCPU}, s.network()}, argv...)
	cmd.Env = append(os.Environ(), "GOGC=400", "GOMAXPROCS=2", "OPENSSL_CONF="+r.opensslConf)
	var stderr bytes.Buffer
	stdout := &lineWriter{see: see}
	cmd.Stdout, cmd.Stderr = stdout, &stderr
	began := time.Now()
	err := cmd.Run()
	out := stdout.all.Bytes()
	if ctx.Err() != nil {
		return nil, 0, ctx.Err()
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w: %s", argv[0], err, lastLines(stderr.String(), 3))
	}
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return out, used.Seconds() / time.Since(began).Seconds(), nil
}

// lineWriter keeps what is written to it, and shows each line when it is
// complete.
type lineWriter struct {
	see  func(line string)
	all  bytes.Buffer
	seen int // bytes of all that were shown
}

func (w *lineWriter) Write(b []byte) (int, error) {
	w.all.Write(b)
	for {
		rest := w.all.Bytes()[w.seen:]
		n := bytes.IndexByte(rest, '\n')
		if n < 0 {
			return len(b), nil
		}
		w.seen += n + 1
		w.see(string(rest[:n]))
	}
}

// lastLines are the last n lines of s, on one line.
func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], " | ")
}

func joinInts(ints []int) string {
	var parts []string
	for _, n := range ints {
		parts = append(parts, strconv.Itoa(n))
	}
	return strings.Join(parts, ",")
}

func splitInts(s string) ([]int, error) {
	var ints []int
	for _, part := range strings.Split(s, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return nil, errors.New("not a list of CPUs: " + strconv.Quote(s))
		}
		ints = append(ints, n)
	}
	return ints, nil
}
