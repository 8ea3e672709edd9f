package main

import (
	"html/template"
	"runtime"

	"github.com/uringserve/uringserve/app"
)

// pageTemplate is what GET / answers.
var pageTemplate = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>uringserve</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
h1 { font-weight: 600; margin-bottom: 0 }
table { border-collapse: collapse; margin: 1rem 0; width: 100% }
td, th { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ddd; vertical-align: top }
code, a { font-family: ui-monospace, monospace }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818 } td, th { border-color: #444 } a { color: #8bf } }
</style>
<h1>uringserve</h1>
<p>This server runs.</p>
<table>
<tr><th>version<td>{{.Version}}
<tr><th>engine<td>{{.Engine}}: {{.Reason}}
<tr><th>loops<td>{{.Loops}}
<tr><th>protocol of this request<td>{{.Protocol}}
<tr><th>runs on<td>{{.System}}
</table>
<p>What there is:</p>
<table>
{{range .Links}}<tr><td>{{if .Link}}<a href="{{.Link}}">{{.Text}}</a>{{else}}<code>{{.Text}}</code>{{end}}<td>{{.About}}
{{end}}</table>
</html>
`))

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
	{"", "GET /ws", "a WebSocket: messages are sent back"},
}

// page says what runs.
func (a *api) page(req *app.Request, resp *app.Response) {
	info := a.info()
	resp.Set("Content-Type", "text/html; charset=utf-8")
	// A client that has gone needs no answer; the template itself is sound.
	_ = pageTemplate.Execute(resp, map[string]any{
		"Version":  a.version,
		"Engine":   info.Engine,
		"Reason":   info.Reason,
		"Loops":    info.Loops,
		"Protocol": req.Proto,
		"System":   runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH,
		"Links":    links,
	})
}
