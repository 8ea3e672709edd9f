// Command uringserve is the server as a program: flags become a
// uringserve.Server, signals end it. It has no protocol logic.
package main

import (
	"fmt"
	"io"
	"os"
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
	if len(args) == 0 || args[0] != "" && args[0][0] == '-' {
		return serve(args, stdout, stderr)
	}
	command, ok := commands[args[0]]
	if !ok {
		return usageError(stderr, fmt.Errorf("there is no command %.40q; there are serve, doctor, dev-cert, version", args[0]))
	}
	return command(args[1:], stdout, stderr)
}

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
