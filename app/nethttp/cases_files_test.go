package nethttp_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing/fstest"
	"time"
)

var modified = time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)

// shelf is what is served.
var shelf = fstest.MapFS{
	"a.txt":          {Data: []byte("0123456789"), ModTime: modified},
	"long.bin":       {Data: []byte(strings.Repeat("0123456789abcdef", 40_000)), ModTime: modified},
	"empty":          {ModTime: modified},
	"dir/index.html": {Data: []byte("<p>index</p>"), ModTime: modified},
	"list/b.css":     {Data: []byte("b{}"), ModTime: modified},
}

// fileCases are http.FileServer's and http.ServeContent's.
func fileCases() []testCase {
	const area = "files"
	server := http.FileServerFS(shelf)
	file := func(name, method, target string, fields ...string) testCase {
		req := request{method: method, target: target}
		for i := 0; i < len(fields); i += 2 {
			req.fields = append(req.fields, [2]string{fields[i], fields[i+1]})
		}
		return testCase{area: area, name: name, req: req, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			server.ServeHTTP(w, r)
		}}
	}
	all := []testCase{
		file("whole", "GET", "/a.txt"),
		file("HEAD", "HEAD", "/a.txt"),
		file("long", "GET", "/long.bin"),
		file("HEAD of a long one", "HEAD", "/long.bin"),
		file("empty", "GET", "/empty"),
		file("absent", "GET", "/none"),
		file("range", "GET", "/a.txt", "Range", "bytes=2-4"),
		file("range from behind", "GET", "/a.txt", "Range", "bytes=-3"),
		file("long range", "GET", "/long.bin", "Range", "bytes=1000-600000"),
		file("range of HEAD", "HEAD", "/a.txt", "Range", "bytes=2-4"),
		file("range beyond the end", "GET", "/a.txt", "Range", "bytes=20-30"),
		file("range that is none", "GET", "/a.txt", "Range", "bytes=x"),
		file("not modified", "GET", "/a.txt", "If-Modified-Since", modified.Format(http.TimeFormat)),
		file("modified", "GET", "/a.txt", "If-Modified-Since", modified.Add(-time.Second).Format(http.TimeFormat)),
		file("unmodified", "GET", "/a.txt", "If-Unmodified-Since", modified.Add(-time.Second).Format(http.TimeFormat)),
		file("If-Range", "GET", "/a.txt", "Range", "bytes=2-4", "If-Range", modified.Format(http.TimeFormat)),
		file("If-Range of another", "GET", "/a.txt", "Range", "bytes=2-4", "If-Range", modified.Add(time.Second).Format(http.TimeFormat)),
		file("index", "GET", "/dir/"),
		file("index by name", "GET", "/dir/index.html"),
		file("directory without slash", "GET", "/list"),
		file("listing", "GET", "/list/"),
		file("dots", "GET", "/dir/../a.txt"),
	}
	return append(all,
		testCase{area: area, name: "of the system", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			dir, err := os.MkdirTemp("", "files")
			if err != nil {
				n.add("%v", err)
				return
			}
			defer os.RemoveAll(dir)
			name := filepath.Join(dir, "long.txt")
			if err := os.WriteFile(name, []byte(strings.Repeat("0123456789", 100_000)), 0o600); err != nil {
				n.add("%v", err)
			}
			os.Chtimes(name, modified, modified)
			http.ServeFile(w, r, name)
		}},
		testCase{area: area, name: "with an ETag", req: request{fields: [][2]string{{"If-None-Match", `"x"`}}}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Etag", `"x"`)
			http.ServeContent(w, r, "a.css", modified, strings.NewReader("a{}"))
		}},
	)
}
