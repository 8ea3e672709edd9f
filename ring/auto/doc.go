// Package auto picks the engine that this system can run, and says why. It
// knows no protocol.
//
//	engine, choice, err := auto.New(auto.Options{})
//	log.Print(choice.Engine, ": ", choice.Reason)
//
// The ladder is uring, then net. Whether io_uring works is found out by trying
// it, never by the kernel's version. An engine that is asked for by name is
// made or refused, never replaced.
package auto
