package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/uringserve/uringserve/conn"
)

const usage = `uringserve is an HTTP server.

  uringserve [serve] [flags]   serve a small API
  uringserve doctor [--json]   what this system allows, which engine runs and why
  uringserve dev-cert DIR      make a certificate for localhost, to try https
  uringserve version

Flags of serve:
  --listen URL             http://host:port, https://host:port or unix:/path; may
                           be repeated. http://:8080 is all addresses, localhost
                           both loopbacks, port 0 any free one
                                                    (default http://localhost:8080)
  --cert FILE --key FILE   certificate with its chain, and its key, in PEM, for
                           https; may be repeated: clients get the one for the name
                           they ask for, else the first. Files that change are read
                           again, at SIGHUP at once
  --engine NAME            auto, uring, epoll or net                 (default auto)
  --loops N                event loops (default: one per usable CPU; net: two, and
                           four at least)
  --protocols LIST         of h1 and h2                             (default h1,h2)
  --max-body BYTES         longest request body                (default 30,000,000)
  --shutdown-delay TIME    go on accepting so long after a signal      (default 0s)
  --shutdown-timeout TIME  then wait so long for clients to finish    (default 20s)
  --takeover on|off        leave blocked handlers behind, or run handlers on
                           goroutines                                  (default on)
  --log-level LEVEL        debug, info, warn or error                (default info)
  --test-endpoints         also serve /spin?ms=M, which burns CPU

SIGTERM or SIGINT ends it; a second one at once. Exit codes: 0 all clients were
served, 1 failure, 2 usage.
`

// errNotYet is for what is planned and not built.
var errNotYet = errors.New("not built yet")

// config is what the command line of serve says.
type config struct {
	listen          []endpoint
	certs, keys     []string // files; pairs
	protocols       conn.Protocols
	engine          string
	loops           int
	maxBody         int64
	shutdownDelay   time.Duration
	shutdownTimeout time.Duration
	takeoverOff     bool
	testEndpoints   bool
	logLevel        slog.Level
	help            bool
}

// endpoint is one --listen.
type endpoint struct {
	url  string // as given
	addr string // as uringserve.Server.Listen wants it
	tls  bool
}

// maxLoops bounds --loops: more than any machine has CPUs.
const maxLoops = 1024

// parseServe reads the command line of serve.
func parseServe(args []string) (*config, error) {
	c := &config{engine: "auto", maxBody: conn.DefaultLimits().MaxBodyBytes, shutdownTimeout: 20 * time.Second}
	f := flag.NewFlagSet("serve", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Func("listen", "", c.addListen)
	f.Func("engine", "", c.setEngine)
	f.Func("loops", "", func(s string) error { return setNumber(&c.loops, s, 1, maxLoops) })
	f.Func("protocols", "", c.setProtocols)
	f.Func("cert", "", func(s string) error { return addFile(&c.certs, s) })
	f.Func("key", "", func(s string) error { return addFile(&c.keys, s) })
	f.Func("max-body", "", func(s string) error { return setNumber(&c.maxBody, s, 0, 1<<62) })
	f.Func("shutdown-delay", "", func(s string) error { return setDuration(&c.shutdownDelay, s) })
	f.Func("shutdown-timeout", "", func(s string) error { return setDuration(&c.shutdownTimeout, s) })
	f.Func("takeover", "", c.setTakeover)
	f.Func("log-level", "", c.setLogLevel)
	f.BoolVar(&c.testEndpoints, "test-endpoints", false, "")
	for _, name := range []string{"root", "proxy", "config", "admin"} {
		f.Func(name, "", func(string) error { return errNotYet })
	}
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		c.help = true
		return c, nil
	case err != nil:
		return nil, flagError(err)
	case f.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %.40q; flags come as --name value", f.Arg(0))
	}
	if len(c.listen) == 0 {
		c.listen = []endpoint{{"http://localhost:8080", "localhost:8080", false}}
	}
	return c, c.checkCertificates()
}

// checkCertificates looks whether certificates, keys and addresses go together.
func (c *config) checkCertificates() error {
	if len(c.certs) != len(c.keys) {
		return fmt.Errorf("--cert and --key come in pairs, there are %d and %d", len(c.certs), len(c.keys))
	}
	for _, e := range c.listen {
		if e.tls {
			if len(c.certs) == 0 {
				return fmt.Errorf("--listen %s needs --cert and --key; uringserve dev-cert DIR makes some for localhost", e.url)
			}
			return nil
		}
	}
	if len(c.certs) > 0 {
		return errors.New("--cert is of no use without --listen https://host:port")
	}
	return nil
}

func addFile(list *[]string, path string) error {
	if path == "" {
		return errors.New("must be the name of a file")
	}
	*list = append(*list, path)
	return nil
}

// flagError is err with our spelling of flags.
func flagError(err error) error {
	s := err.Error()
	if name, ok := strings.CutPrefix(s, "flag provided but not defined: -"); ok {
		return fmt.Errorf("there is no flag --%.40s; uringserve --help lists those that there are", name)
	}
	s = strings.Replace(s, " for flag -", " for --", 1)
	s = strings.Replace(s, "invalid boolean value", "invalid value", 1)
	s = strings.Replace(s, " for -test-endpoints: parse error", " for --test-endpoints: must be true or false", 1)
	s = strings.Replace(s, "flag needs an argument: -", "a value is missing after --", 1)
	return errors.New(s)
}

func (c *config) addListen(s string) error {
	e, err := parseListen(s)
	if err != nil {
		return err
	}
	c.listen = append(c.listen, e)
	return nil
}

// maxSocketPath is the longest path of a Unix socket, in bytes: that of Linux
// (sun_path, less its zero byte).
const maxSocketPath = 107

var errListen = errors.New("must be http://host:port, https://host:port or unix:/path")

// parseListen takes a --listen URL apart.
func parseListen(s string) (endpoint, error) {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		switch {
		case path == "":
			return endpoint{}, errListen
		case len(path) > maxSocketPath:
			return endpoint{}, fmt.Errorf("the path of a socket has at most %d bytes, not %d", maxSocketPath, len(path))
		}
		return endpoint{s, s, false}, nil
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return endpoint{}, errListen
	case u.Scheme != "http" && u.Scheme != "https", u.Opaque != "", u.User != nil, u.RawQuery != "", u.Fragment != "",
		u.Path != "" && u.Path != "/", u.Host == "":
		return endpoint{}, errListen
	}
	secure := u.Scheme == "https"
	port := u.Port()
	if port == "" {
		port = map[bool]string{false: "80", true: "443"}[secure]
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return endpoint{}, fmt.Errorf("port %.10s is not one of 0 to 65535", port)
	} else {
		port = strconv.FormatUint(n, 10)
	}
	return endpoint{s, net.JoinHostPort(u.Hostname(), port), secure}, nil
}

func (c *config) setEngine(s string) error {
	switch s {
	case "auto", "uring", "epoll", "net":
		c.engine = s
		return nil
	}
	return errors.New("must be auto, uring, epoll or net")
}

func (c *config) setProtocols(s string) error {
	c.protocols = 0
	for p := range strings.SplitSeq(s, ",") {
		switch p {
		case "h1":
			c.protocols |= conn.HTTP1
		case "h2":
			c.protocols |= conn.HTTP2
		default:
			return errors.New("must be h1, h2 or h1,h2")
		}
	}
	return nil
}

func (c *config) setTakeover(s string) error {
	switch s {
	case "on":
		c.takeoverOff = false
	case "off":
		c.takeoverOff = true
	default:
		return errors.New("must be on or off")
	}
	return nil
}

func (c *config) setLogLevel(s string) error {
	switch s {
	case "debug", "info", "warn", "error":
		return c.logLevel.UnmarshalText([]byte(s))
	}
	return errors.New("must be debug, info, warn or error")
}

// setNumber reads a whole number.
func setNumber[T int | int64](v *T, s string, least, utmost int64) error {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < least || n > utmost {
		return fmt.Errorf("must be a number from %d to %d", least, utmost)
	}
	*v = T(n)
	return nil
}

// setDuration reads a time such as 5s.
func setDuration(v *time.Duration, s string) error {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > 24*time.Hour {
		return errors.New("must be a time from 0s to 24h, such as 5s")
	}
	*v = d
	return nil
}
