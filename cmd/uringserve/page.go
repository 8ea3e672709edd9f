package main

import (
	"crypto/sha256"
	_ "embed" // the parts of the page
	"encoding/base64"
	"html/template"
	"runtime"

	"github.com/uringserve/uringserve/app"
)

// The parts of the page. Style and script stand in it, so that it is there in one
// response.
var (
	//go:embed page/page.html
	pageText string
	//go:embed page/page.css
	pageStyle string
	//go:embed page/page.js
	pageScript string
)

// pageTemplate is what GET / answers.
var pageTemplate = template.Must(template.New("page").Parse(pageText))

// pagePolicy lets a browser use what the page brings along, connect to this
// server, and nothing else (Content Security Policy Level 3).
var pagePolicy = "default-src 'none'; style-src '" + policyHash(pageStyle) + "'; script-src '" + policyHash(pageScript) +
	"'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// policyHash names an inline style or script.
func policyHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

type link struct{ Link, Text, About string }

var links = []link{
	{"/plaintext", "GET /plaintext", "a text"},
	{"/json", "GET /json", "a JSON object"},
	{"", "POST /echo", "the request body, sent back as it arrives"},
	{"", "POST /upload", "length and SHA-256 of the request body"},
	{"/bytes?n=1000", "GET /bytes?n=N", "N bytes, streamed"},
	{"/delay?ms=500", "GET /delay?ms=M", "an answer after M milliseconds, by a handler that blocks"},
	{"/request", "GET /request", "this request as the server saw it"},
	{"/sse?n=5&ms=500", "GET /sse?n=N&ms=M", "N server-sent events, M milliseconds apart"},
	{"#websocket", "GET /ws", "a WebSocket: messages of up to 1 MiB are sent back"},
}

// page says what runs.
func (a *api) page(req *app.Request, resp *app.Response) {
	info := a.info()
	resp.Set("Content-Type", "text/html; charset=utf-8")
	resp.Set("Content-Security-Policy", pagePolicy)
	// A client that has gone needs no answer; the template itself is sound.
	_ = pageTemplate.Execute(resp, map[string]any{
		"Style":    template.CSS(pageStyle),
		"Script":   template.JS(pageScript),
		"Version":  a.version,
		"Engine":   info.Engine,
		"Reason":   info.Reason,
		"Loops":    info.Loops,
		"Protocol": req.Proto,
		"System":   runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH,
		"Links":    links,
	})
}
