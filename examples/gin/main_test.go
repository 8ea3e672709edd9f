package main

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/uringserve/uringserve/examples/internal/exampletest"
)

func TestShop(t *testing.T) {
	newHandler := func(*testing.T) http.Handler { return handler() }
	test := func(t *testing.T, s *exampletest.Server) {
		for _, http2 := range []bool{false, true} {
			c := asker{s.Client(t, http2), s.URL}
			c.testOrders(t)
			c.testUpload(t)
			c.testLines(t)
			c.ask(t, "GET", "/broken", "", "", http.StatusInternalServerError, "")
			c.ask(t, "GET", "/nowhere", "", "", http.StatusNotFound, "404 page not found")
		}
	}
	t.Run("cleartext", func(t *testing.T) { exampletest.Each(t, newHandler, test) })
	t.Run("tls", func(t *testing.T) { exampletest.EachTLS(t, newHandler, test) })
}

// asker is a client of the service at url.
type asker struct {
	client *http.Client
	url    string
}

func (a asker) ask(t *testing.T, method, path, media, body string, status int, want string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, a.url+path, strings.NewReader(body))
	exampletest.Check(t, err)
	req.Header.Set("Content-Type", media)
	resp, err := a.client.Do(req)
	exampletest.Check(t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	exampletest.Check(t, err)
	exampletest.Equal(t, method+" "+path, resp.StatusCode, status)
	exampletest.Equal(t, method+" "+path, string(got), want)
}

func (a asker) testOrders(t *testing.T) {
	const media = "application/json"
	a.ask(t, "POST", "/orders", media, `{"item":"tea","amount":2}`, http.StatusCreated, `{"ordered":"2 × tea"}`)
	a.ask(t, "POST", "/orders", media, `{"item":"tea","amount":101}`, http.StatusBadRequest,
		`{"error":"Key: 'order.Amount' Error:Field validation for 'Amount' failed on the 'lte' tag"}`)
}

func (a asker) testUpload(t *testing.T) {
	for size, status := range map[int]int{1 << 20: http.StatusOK, maxUpload + 1: http.StatusBadRequest} {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		part, err := form.CreateFormFile("file", "f.bin")
		exampletest.Check(t, err)
		_, err = part.Write(make([]byte, size))
		exampletest.Check(t, err)
		exampletest.Check(t, form.Close())
		want := "http: request body too large"
		if status == http.StatusOK {
			want = fmt.Sprintf("f.bin has %d bytes", size)
		}
		a.ask(t, "POST", "/upload", form.FormDataContentType(), body.String(), status, want)
	}
}

func (a asker) testLines(t *testing.T) {
	var want strings.Builder
	for i := range 500 {
		fmt.Fprintf(&want, "line %d\n", i+1)
	}
	a.ask(t, "GET", "/lines?n=500", "", "", http.StatusOK, want.String())
}
