package uringserve_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/uringserve/uringserve"

const (
	sysUnix    = "golang.org/x/sys/unix"
	byteBuffer = "github.com/valyala/bytebufferpool"
	compress   = "github.com/klauspost/compress"
	fsNotify   = "github.com/fsnotify/fsnotify"
)

// arrows are who may import whom, besides the standard library: all that
// exist. A package that is missing here fails the test, as does an arrow.
var arrows = map[string][]string{
	"":                     {"app", "app/nethttp", "conn", "ring", "ring/auto", "ring/netengine", "tls"},
	"app":                  {"app/field"},
	"app/field":            {},
	"app/nethttp":          {"app", "app/field", "h1"},
	"app/ws":               {"app", "app/field", "h1/ws"},
	"cmd/uringserve":       {"", "app", "app/ws", "conn", "ring/auto", "tls"},
	"cmd/uringserve/e2e":   {},
	"conn":                 {"app", "app/field", "app/ws", "h1", "h1/ws", "h2", "ring", "tls", byteBuffer},
	"conn/stress":          {},
	"h1":                   {"app/field"},
	"h1/ws":                {compress + "/flate"},
	"h2":                   {"app/field", "h2/hpack"},
	"h2/hpack":             {},
	"ring":                 {},
	"ring/auto":            {"ring", "ring/epoll", "ring/iouring", "ring/netengine", "ring/system", "ring/takeover", "ring/uring", sysUnix},
	"ring/epoll":           {"ring", "ring/proactor", "ring/system", "ring/takeover", sysUnix},
	"ring/iouring":         {"ring", "ring/system", sysUnix},
	"ring/mem":             {"ring", "ring/epoll", "ring/proactor", "ring/takeover", "ring/takeover/sched"},
	"ring/netengine":       {"ring"},
	"ring/proactor":        {"ring", "ring/takeover"},
	"ring/ringtest":        {"ring"},
	"ring/ringtest/denied": {sysUnix},
	"ring/system":          {"ring", "ring/proactor", sysUnix},
	"ring/takeover":        {"ring", sysUnix},
	"ring/takeover/sched":  {"ring/takeover"},
	"ring/uring":           {"ring", "ring/iouring", "ring/proactor", "ring/system", "ring/takeover", sysUnix},
	"tls":                  {byteBuffer, fsNotify},
}

// pure are the packages that only compute: they open no socket, read no clock,
// start no goroutine and know no channel. Of the standard library they import
// these packages and no others; the rest of their imports is in arrows.
var pure = map[string][]string{
	"app/field": {"encoding/binary", "iter", "math/bits"},
	"h1":        {"bytes", "fmt", "math", "strconv"},
	"h1/ws":     {"bytes", "crypto/sha1", "encoding/base64", "encoding/binary", "errors", "fmt", "io", "math/bits", "strconv", "sync", "unicode/utf8"},
	"h2":        {"bytes", "encoding/binary", "errors", "fmt", "math", "math/bits", "strconv"},
	"h2/hpack":  {"encoding/binary", "fmt", "math/bits"},
}

var (
	forbidden = map[string][]string{
		"app":  {"net/http", "os", "sync", "syscall"},
		"conn": {"os", "syscall", "net/http", "runtime"},
		"ring": {"os", "syscall"},
		"tls":  {"net/http", "syscall"},
	}
	// goless packages start no goroutine, though they name what others start.
	goless = []string{"app", "app/ws"}
	// clockless packages are told the time: a clock of their own would escape
	// tests that fake it.
	clockless = []string{"app", "app/ws", "conn", "ring", "ring/proactor", "ring/mem"}
)

// listed is what `go list -json` tells of a package.
type listed struct {
	ImportPath string
	Imports    []string
}

func list(t *testing.T, goos string) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Env = append(cmd.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// inModule is the path below the module, if it is one.
func inModule(path string) (string, bool) {
	if path == module {
		return "", true
	}
	return strings.CutPrefix(path, module+"/")
}

// standard reports whether path is of the standard library.
func standard(path string) bool {
	host, _, _ := strings.Cut(path, "/")
	return !strings.Contains(host, ".")
}

func TestArrows(t *testing.T) {
	for _, goos := range []string{"linux", "darwin", "windows"} {
		for _, p := range list(t, goos) {
			name, _ := inModule(p.ImportPath)
			allowed, known := arrows[name]
			if !known {
				t.Errorf("%s: package %q is not in the list of arrows", goos, name)
			}
			for _, i := range p.Imports {
				target, ours := inModule(i)
				if !ours {
					if target = i; standard(i) {
						continue
					}
				}
				if !slices.Contains(allowed, target) {
					t.Errorf("%s: %q imports %q", goos, name, target)
				}
			}
		}
	}
}

func TestForbiddenImports(t *testing.T) {
	for _, p := range list(t, "linux") {
		name, _ := inModule(p.ImportPath)
		for _, bad := range forbidden[name] {
			if slices.Contains(p.Imports, bad) {
				t.Errorf("%s imports %s", name, bad)
			}
		}
	}
}

// A source is a parsed file that ships.
type source struct {
	path string // slashes, below the module
	dir  string // its package, "" for the root
	file *ast.File
	set  *token.FileSet
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	set := token.NewFileSet()
	for name := range arrows {
		files, err := filepath.Glob(filepath.Join(filepath.FromSlash(name), "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(set, path, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, source{filepath.ToSlash(path), name, f, set})
		}
	}
	if len(all) < 50 {
		t.Fatalf("only %d files found: the test looks in the wrong place", len(all))
	}
	return all
}

// imports reports whether a file imports path.
func (s source) imports(path string) bool {
	for _, i := range s.file.Imports {
		if strings.Trim(i.Path.Value, `"`) == path {
			return true
		}
	}
	return false
}

// each visits every node.
func (s source) each(visit func(ast.Node)) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		visit(n)
		return true
	})
}

// calls finds pkg.name, for each of names.
func (s source) calls(pkg string, names ...string) (found []token.Position) {
	s.each(func(n ast.Node) {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return
		}
		if id, ok := sel.X.(*ast.Ident); ok && id.Name == pkg && id.Obj == nil && slices.Contains(names, sel.Sel.Name) {
			found = append(found, s.set.Position(sel.Pos()))
		}
	})
	return found
}

// Unsafe code is the kernel's neighbour and lives nowhere else; so do the
// kernel's numbers.
func TestUnsafeStaysBelowRing(t *testing.T) {
	justified := regexp.MustCompile(`SAFETY:`)
	for _, s := range sources(t) {
		below := strings.HasPrefix(s.path, "ring/")
		if s.imports("unsafe") {
			if !below || !strings.HasSuffix(s.path, "_linux.go") {
				t.Errorf("%s imports unsafe", s.path)
			}
			found := false
			for _, c := range s.file.Comments {
				found = found || justified.MatchString(c.Text())
			}
			if !found {
				t.Errorf("%s uses unsafe and does not say why that is safe", s.path)
			}
		}
		if s.imports(sysUnix) && (!below || !strings.HasSuffix(s.path, "_linux.go")) {
			t.Errorf("%s imports %s", s.path, sysUnix)
		}
	}
}

func TestNoHiddenClocks(t *testing.T) {
	for _, s := range sources(t) {
		if !slices.Contains(clockless, s.dir) {
			continue
		}
		for _, p := range s.calls("time", "Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTimer", "NewTicker") {
			t.Errorf("%s: a clock in a package that is told the time", p)
		}
	}
}

func TestNoHiddenGoroutines(t *testing.T) {
	for _, s := range sources(t) {
		if !slices.Contains(goless, s.dir) {
			continue
		}
		s.each(func(n ast.Node) {
			if _, ok := n.(*ast.GoStmt); ok {
				t.Errorf("%s: a goroutine", s.set.Position(n.Pos()))
			}
		})
	}
}

// The protocols are pure, and so is what they have in common with handlers.
func TestProtocolsArePure(t *testing.T) {
	files := map[string]int{}
	for _, s := range sources(t) {
		allowed, ok := pure[s.dir]
		if !ok {
			continue
		}
		files[s.dir]++
		for _, spec := range s.file.Imports {
			name := strings.Trim(spec.Path.Value, `"`)
			if standard(name) && !slices.Contains(allowed, name) {
				t.Errorf("%s imports %s", s.path, name)
			}
		}
		s.each(func(n ast.Node) {
			switch n.(type) {
			case *ast.GoStmt, *ast.ChanType, *ast.SelectStmt:
				t.Errorf("%s: a goroutine or a channel", s.set.Position(n.Pos()))
			}
		})
	}
	for dir := range pure {
		if files[dir] < 2 {
			t.Errorf("%d files in %s: the test looks in the wrong place", files[dir], dir)
		}
	}
}

func TestFilesAreShort(t *testing.T) {
	const most = 500 // lines
	for _, s := range sources(t) {
		if n := s.set.File(s.file.Pos()).LineCount(); n > most {
			t.Errorf("%s has %d lines", s.path, n)
		}
	}
}

// Whoever asks for the system by name behaves otherwise on another one, and is
// tested on one only; differences belong into files, below ring.
func TestNoSystemSwitches(t *testing.T) {
	for _, s := range sources(t) {
		switch s.dir {
		case "ring/auto", "ring/epoll", "ring/uring", "cmd/uringserve":
			continue // they tell people where they run
		case "ring/ringtest":
			continue // tests leave out what a system lacks
		}
		for _, p := range s.calls("runtime", "GOOS", "GOARCH") {
			t.Errorf("%s: asks for the system", p)
		}
	}
}

// Engines move bytes: no name in them says what the bytes mean.
func TestEnginesKnowNoProtocol(t *testing.T) {
	word := regexp.MustCompile(`(?i)^(http|https|header|cookie|websocket|hpack|keepalive)|(Http|HTTP|Header|Cookie|WebSocket)`)
	for _, s := range sources(t) {
		if !strings.HasPrefix(s.path, "ring/") {
			continue
		}
		s.each(func(n ast.Node) {
			id, ok := n.(*ast.Ident)
			if ok && word.MatchString(id.Name) && id.Name != "KeepAlive" {
				t.Errorf("%s: %s", s.set.Position(id.Pos()), id.Name)
			}
		})
	}
}

// The dependencies of the core module are few, and users inherit them all.
func TestDependencies(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "all").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	allowed := []string{module, "golang.org/x/sys", byteBuffer, compress, fsNotify}
	for line := range strings.Lines(string(out)) {
		if name := strings.Fields(line)[0]; !slices.Contains(allowed, name) {
			t.Errorf("the core module depends on %s", name)
		}
	}
}
