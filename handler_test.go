package uringserve_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/uringserve/uringserve"
)

func TestNetHTTPHandler(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		s := &uringserve.Server{Engine: engine, Loops: 1, Log: quiet,
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				io.WriteString(w, r.Method+" "+r.URL.Path+" "+string(body))
			})}
		a := start(t, s, "127.0.0.1:0")[0]
		resp, body := get(t, a, "/x?y=1")
		if resp.StatusCode != 200 || body != "GET /x " || resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%v %q", resp, body)
		}
	})
}
