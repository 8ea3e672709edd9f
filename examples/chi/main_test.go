package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/uringserve/uringserve/examples/internal/exampletest"
)

func TestNotes(t *testing.T) {
	newHandler := func(*testing.T) http.Handler { return handler() }
	t.Run("cleartext", func(t *testing.T) { exampletest.Each(t, newHandler, testNotes) })
	t.Run("tls", func(t *testing.T) { exampletest.EachTLS(t, newHandler, testNotes) })
}

func testNotes(t *testing.T, s *exampletest.Server) {
	for i, http2 := range []bool{false, true} {
		c := s.Client(t, http2)
		here := fmt.Sprintf("/notes/%d", i+1)
		ask := func(method, path, body string, status int, want string) *http.Response {
			t.Helper()
			req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
			exampletest.Check(t, err)
			resp, err := c.Do(req)
			exampletest.Check(t, err)
			defer resp.Body.Close()
			got, err := io.ReadAll(resp.Body)
			exampletest.Check(t, err)
			what := method + " " + path
			exampletest.Equal(t, what, resp.StatusCode, status)
			exampletest.Equal(t, what, strings.TrimSpace(string(got)), want)
			return resp
		}
		stored := fmt.Sprintf(`{"id":%d,"text":"milk"}`, i+1)
		resp := ask("POST", "/notes", `{"text":"milk"}`, http.StatusCreated, stored)
		exampletest.Equal(t, "location", resp.Header.Get("Location"), here)
		resp = ask("GET", here, "", http.StatusOK, stored) // asked for with gzip
		exampletest.Equal(t, "unpacked", resp.Uncompressed, true)
		ask("GET", "/notes/99", "", http.StatusNotFound, "no such note")
		ask("DELETE", here, "", http.StatusMethodNotAllowed, "")
		ask("GET", "/broken", "", http.StatusInternalServerError, "")
		long := `{"text":"` + strings.Repeat("x", maxNote) + `"}`
		ask("POST", "/notes", long, http.StatusBadRequest, "http: request body too large")
	}
}
