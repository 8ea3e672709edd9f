// Command uringserve is the server as a program: flags become a
// uringserve.Server, signals end it. It has no protocol logic.
package main

import (
	"fmt"
	"io"
	"os"
	"slices"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // at run time
	exitUsage   = 2 // the command line
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// commands are the words that may come first; without one, it is serve.
var commands = map[string]func(args []string, stdout, stderr io.Writer) int{
	"serve":    serve,
	"doctor":   doctor,
	"dev-cert": devCert,
	"version":  printVersion,
	"check":    check,
	"help":     help,
}

// run runs the command line and returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	switch {
	case len(args) == 1 && (args[0] == "--version" || args[0] == "-version"):
		return printVersion(nil, stdout, stderr)
	case len(args) == 0 || args[0] != "" && args[0][0] == '-':
		return serve(args, stdout, stderr)
	}
	command, ok := commands[args[0]]
	switch {
	case !ok:
		return usageError(stderr, fmt.Errorf("there is no command %.40q; there are serve, doctor, dev-cert, version", args[0]))
	case args[0] != "serve" && slices.ContainsFunc(args[1:], isHelp): // serve has flags with values
		return help(nil, stdout, stderr)
	}
	return command(args[1:], stdout, stderr)
}

func isHelp(arg string) bool { return arg == "--help" || arg == "-help" || arg == "-h" }

// usageError reports a command line that makes no sense.
func usageError(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "uringserve: %v\n", err)
	return exitUsage
}

// failure reports what went wrong.
func failure(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "uringserve: %v\n", err)
	return exitFailure
}

func check(_ []string, _, stderr io.Writer) int {
	return usageError(stderr, fmt.Errorf("check: %w: there are no configuration files to be checked", errNotYet))
}

func help(_ []string, stdout, _ io.Writer) int {
	fmt.Fprint(stdout, usage)
	return exitOK
}
