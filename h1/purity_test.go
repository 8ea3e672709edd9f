package h1

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The protocol is pure: of the standard library these packages take only what
// computes, they start no goroutine, and h1 takes app/field besides.
func TestPurity(t *testing.T) {
	pure := []string{"bytes", "encoding/binary", "fmt", "iter", "math", "math/bits", "strconv"}
	checkPurity(t, "../app/field", pure)
	checkPurity(t, ".", append(pure, "github.com/uringserve/uringserve/app/field"))
}

func checkPurity(t *testing.T, dir string, allowed []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			if name, _ := strconv.Unquote(spec.Path.Value); !slices.Contains(allowed, name) {
				t.Errorf("%s imports %s", path, name)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n.(type) {
			case *ast.GoStmt, *ast.ChanType, *ast.SelectStmt:
				t.Errorf("%s has a goroutine or channel", path)
			}
			return true
		})
	}
}
