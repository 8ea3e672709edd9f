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

// sansIO are the packages that neither open a socket, nor start a goroutine,
// nor read a clock; of these imports they have none.
var (
	sansIO    = []string{"app", "app/field", "h1", "h1/ws", "h2"}
	forbidden = map[string][]string{
		"app":       {"net/http", "os", "sync", "syscall"},
		"app/field": {"net", "os", "sync", "time", "syscall"},
		"h1":        {"net", "os", "sync", "time", "syscall", "net/http"},
		"h1/ws":     {"net", "os", "time", "syscall", "net/http"},
		"h2":        {"net", "os", "sync", "time", "syscall", "net/http"},
		"conn":      {"os", "syscall", "net/http", "runtime"},
		"ring":      {"os", "syscall"},
		"tls":       {"net/http", "syscall"},
	}
	// clockless packages are told the time: a clock of their own would escape
	// tests that fake it.
	clockless = []string{"app", "app/field", "h1", "h1/ws", "h2", "conn", "ring", "ring/proactor", "ring/mem"}
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
					if target = i; !strings.Contains(strings.SplitN(i, "/", 2)[0], ".") {
						continue // the standard library
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

// calls finds pkg.name, for each of names.
func (s source) calls(pkg string, names ...string) (found []token.Position) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if id, ok := sel.X.(*ast.Ident); ok && id.Name == pkg && id.Obj == nil && slices.Contains(names, sel.Sel.Name) {
			found = append(found, s.set.Position(sel.Pos()))
		}
		return true
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

func TestSansIOStartsNoGoroutine(t *testing.T) {
	for _, s := range sources(t) {
		if !slices.Contains(sansIO, s.dir) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				t.Errorf("%s: a goroutine", s.set.Position(g.Pos()))
			}
			return true
		})
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
		ast.Inspect(s.file, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if ok && word.MatchString(id.Name) && id.Name != "KeepAlive" {
				t.Errorf("%s: %s", s.set.Position(id.Pos()), id.Name)
			}
			return true
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
