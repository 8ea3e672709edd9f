package app_test

import (
	"io"

	"github.com/uringserve/uringserve/app"
)

// A handler reads the request's head as views, its body as a stream, and
// writes what it answers.
func ExampleHandlerFunc() {
	echo := app.HandlerFunc(func(req *app.Request, resp *app.Response) {
		if req.Method != "POST" {
			resp.SetStatus(405)
			resp.Set("Allow", "POST")
			return
		}
		resp.Header.Add("Content-Type", string(req.Get("Content-Type")))
		if _, err := io.Copy(resp, req); err != nil {
			panic(app.ErrAbort) // the client sees that it is not whole
		}
	})
	var _ app.Handler = echo
}

// A handler that always blocks may say so, and may have limits of its own.
func ExampleWithOptions() {
	upload := app.HandlerFunc(func(req *app.Request, resp *app.Response) {
		io.Copy(io.Discard, req)
	})
	_ = app.WithOptions(upload, app.Options{
		Mode:         app.ModeBlocking,
		MaxBodyBytes: 1 << 30,
	})
}
