package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// parts are what the executable can be besides bench itself.
var parts = map[string]func([]string) error{
	"exec": launcherMain,
	"peer": peerMain,
	"load": func(args []string) error { return loadMain(args, os.Stdin, os.Stdout) },
}

// playPart is the whole process if it was started as one of parts.
func playPart() {
	if len(os.Args) < 2 {
		return
	}
	if part := parts[os.Args[1]]; part != nil {
		exit(part(os.Args[2:]))
	}
}

func main() {
	playPart()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(benchMain(ctx, os.Args[1:], os.Stdout))
}

// exit ends the process: 0, 1 after an error, 2 on wrong usage, 130 after an
// interrupt.
func exit(err error) {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "bench: interrupted")
		os.Exit(130)
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	if errors.As(err, new(usageError)) {
		os.Exit(2)
	}
	os.Exit(1)
}

// usageError is a command line that means nothing.
type usageError string

func (e usageError) Error() string { return string(e) }

// config is what a run is asked to do. Durations are of one cell, which is one
// workload on one server in one round.
type config struct {
	profile string
	rounds  int
	engines []string          // of ours, "uring+off" with takeover off
	extra   map[string]string // -peer: name to command
	extras  []string          // their names, in the order given
	only    []string          // parts of workload names; empty: all
	servers []string          // parts of server names; empty: all
	ours    string            // a ready binary of ours; empty: built here
	out     string            // directory of results
	save    string            // where a copy of the table goes; empty: nowhere
	rate    float64           // requests/s of open-loop cells; 0: found out

	warm        time.Duration // load before the window
	window      time.Duration // closed-loop load that is measured
	openWindow  time.Duration // open-loop load that is measured
	settle      time.Duration // rest before memory is read
	idleWindow  time.Duration // in which the idle process's CPU time is read
	idleConns   int
	calibration time.Duration // load that finds out a capacity

	patience time.Duration // longest wait for quiet before a cell

	serverCPU, loadCPU int
}

func defaults() config {
	return config{
		rounds: 3, warm: time.Second, window: 5 * time.Second, openWindow: 10 * time.Second,
		settle: 2 * time.Second, idleWindow: 5 * time.Second, idleConns: 10_000,
		calibration: 2 * time.Second, serverCPU: 0, loadCPU: 1,
	}
}

// hurry makes c that of a run that shows whether all works, and numbers that
// mean little.
func (c *config) hurry() {
	c.rounds = 1
	c.warm, c.window, c.openWindow = 200*time.Millisecond, time.Second, 2*time.Second
	c.settle, c.idleWindow, c.calibration = 500*time.Millisecond, time.Second, 500*time.Millisecond
}

func parseConfig(args []string, output io.Writer) (config, error) {
	c := defaults()
	c.extra = map[string]string{}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(output)
	quick := fs.Bool("quick", false, "one short round: to see that all works, not to measure")
	rounds := fs.Int("rounds", 0, "rounds, of which medians are taken (3)")
	window := fs.Duration("window", 0, "measured time of a closed-loop cell (5s)")
	engines := fs.String("engines", "", "engines of ours, side by side; +off: takeover off (uring,epoll,net, in h1 and blocking also uring+off)")
	only := fs.String("only", "", "workloads whose names contain one of these, separated by commas")
	servers := fs.String("servers", "", "servers whose names contain one of these, separated by commas")
	fs.StringVar(&c.profile, "profile", "h1", profileNames)
	fs.StringVar(&c.ours, "ours", "", "a ready uringserve binary (default: built from ../cmd/uringserve)")
	fs.StringVar(&c.out, "out", "out", "directory of results")
	fs.StringVar(&c.save, "save", "", "also write the table to this file, and the plot beside it")
	fs.Float64Var(&c.rate, "rate", 0, "requests per second of open-loop cells (default: from the capacity)")
	fs.DurationVar(&c.patience, "patience", 5*time.Second, "longest wait for a quiet machine before a cell")
	fs.IntVar(&c.serverCPU, "server-cpu", c.serverCPU, "CPU of the server")
	fs.IntVar(&c.loadCPU, "load-cpu", c.loadCPU, "CPU of the load")
	fs.Func("peer", "name=command of one more server; {port} is its port; may be given again", func(s string) error {
		name, command, ok := strings.Cut(s, "=")
		if !ok || name == "" || !strings.Contains(command, "{port}") {
			return errors.New("want name=command with {port} in it")
		}
		c.extra[name], c.extras = command, append(c.extras, name)
		return nil
	})
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return c, err
		}
		return c, usageError(err.Error())
	}
	if fs.NArg() > 0 {
		return c, usageError(fmt.Sprintf("what is %q? see -help", fs.Arg(0)))
	}
	if *quick {
		c.hurry()
	}
	if *rounds > 0 {
		c.rounds = *rounds
	}
	if *window > 0 {
		c.window = *window
	}
	p, ok := profiles[c.profile]
	if !ok {
		return c, usageError(fmt.Sprintf("no profile %q: %s", c.profile, profileNames))
	}
	if *engines == "" {
		*engines = p.engines
	}
	c.engines, c.only, c.servers = list(*engines), list(*only), list(*servers)
	return c, nil
}

// list splits at commas; the list of "" is empty.
func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' })
}

// profile is a set of workloads.
type profile struct {
	run     func(context.Context, *runner) (*report, error)
	wire    wire
	engines string // of ours, unless others are asked for
}

const profileNames = "h1, h2c, h2-tls, h1-tls, tls, blocking, nethttp, grpc or ws"

// profiles are what -profile chooses from.
var profiles map[string]profile

func init() {
	const every = "uring,epoll,net"
	profiles = map[string]profile{
		"h1":       {runH1, wire{}, every + ",uring+off"},
		"h2c":      {runH2, wire{h2: true}, every},
		"h2-tls":   {runH2, wire{h2: true, tls: true}, every},
		"h1-tls":   {runH1TLS, wire{tls: true}, every},
		"tls":      {runTLS, wire{tls: true}, every},
		"blocking": {runBlocking, wire{}, every + ",uring+off"},
		"nethttp":  {runNetHTTP, wire{}, every},
		"grpc":     {runGRPC, wire{h2: true}, every},
		"ws":       {runWebSocket, wire{}, every},
	}
}

func benchMain(ctx context.Context, args []string, stdout io.Writer) error {
	cfg, err := parseConfig(args, os.Stderr)
	if err != nil {
		return err
	}
	r, err := newRunner(ctx, cfg)
	if err != nil {
		return err
	}
	defer r.close()
	rep, err := profiles[cfg.profile].run(ctx, r)
	if err != nil {
		return err
	}
	if err := rep.write(stdout, cfg); err != nil {
		return err
	}
	if n := len(rep.failures); n > 0 {
		return fmt.Errorf("%d cells failed; the first: %s", n, rep.failures[0])
	}
	return nil
}
