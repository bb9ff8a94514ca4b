// Package meta holds the tests of the repository itself: who imports whom, what
// is documented, how long things are, which licences are linked. They read the
// files and ask no tool, so that the test cache sees every change.
package meta

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const (
	root   = ".."
	module = "github.com/batchain/batchain"
)

// file is one Go file of the module.
type file struct {
	path   string // slash-separated, from the root of the module
	syntax *ast.File
	fset   *token.FileSet
	text   string
}

func (f file) folder() string { return path.Dir(f.path) }

func (f file) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

func (f file) line(pos token.Pos) int { return f.fset.Position(pos).Line }

// isHelper reports whether folder is a package for tests only: nodetest,
// storetest and their like.
func isHelper(folder string) bool {
	return strings.HasSuffix(folder, "test")
}

// files returns every Go file of the module; nested modules and testdata are
// not part of it.
func files(t *testing.T) []file {
	t.Helper()
	all, err := parseAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no Go file found")
	}
	return all
}

var parseAll = sync.OnceValues(func() ([]file, error) {
	var all []file
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name != root && leaveOut(name) {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		all = append(all, file{path: filepath.ToSlash(rel), syntax: syntax, fset: fset, text: string(text)})
		return err
	})
	return all, err
})

// leaveOut says which folders are not packages of this module, as the go
// command does.
func leaveOut(folder string) bool {
	base := filepath.Base(folder)
	if base == "testdata" || base == "vendor" || base[0] == '.' || base[0] == '_' {
		return true
	}
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	return err == nil
}
